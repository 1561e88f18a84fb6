#!/bin/bash
# Gives Kibana's own account its password and makes one role per use. Safe to run again.
set -euo pipefail

url=http://elasticsearch:9200

for name in KIBANA_SYSTEM_PASSWORD PHOTO_SYNC_PASSWORD PHOTO_ANALYST_PASSWORD PHOTO_PROVISIONER_PASSWORD; do
  if [[ ! ${!name} =~ ^[A-Za-z0-9_-]{16,}$ ]]; then
    echo "$name must be at least 16 letters, digits, - or _: set it in .env" >&2
    exit 1
  fi
done

call() { # method, path, JSON body
  curl --silent --show-error --fail-with-body --retry 5 --retry-connrefused \
    --user "elastic:$ELASTIC_PASSWORD" --header 'Content-Type: application/json' \
    --request "$1" "$url$2" --data "$3" >/dev/null
  echo "done: $1 $2"
}

call POST /_security/user/kibana_system/_password "{\"password\": \"$KIBANA_SYSTEM_PASSWORD\"}"
for role in photo_sync photo_analyst photo_kibana_reader photo_provisioner; do
  call PUT "/_security/role/$role" "@/setup/roles/$role.json"
done
call PUT /_security/user/photo_sync "{\"password\": \"$PHOTO_SYNC_PASSWORD\", \"roles\": [\"photo_sync\"]}"
call PUT /_security/user/photo_provisioner \
  "{\"password\": \"$PHOTO_PROVISIONER_PASSWORD\", \"roles\": [\"photo_provisioner\"]}"
call PUT /_security/user/photo_analyst \
  "{\"password\": \"$PHOTO_ANALYST_PASSWORD\", \"roles\": [\"photo_analyst\", \"photo_kibana_reader\"]}"
