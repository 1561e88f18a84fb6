#!/bin/sh
# Prints the token of a new device of the customer PHOTO_EMAIL, who is signed up first where there is no such customer.
# Usage: examples/make_device.sh "front door"
#        examples/make_device.sh "front door" key.pem
# With the second, a private Ed25519 key (openssl genpkey -algorithm ed25519 -out key.pem), it prints the device's id instead:
# a device that writes to Kafka itself, whose records this key signs (kafka_producer.py).
. "$(dirname "$0")/session.sh"
name=${1:?"say what the device is called: examples/make_device.sh 'front door'"}

status=$(json email "$PHOTO_EMAIL" password "$PHOTO_PASSWORD" display_name "${PHOTO_EMAIL%%@*}" |
    curl -sS -o /dev/null -w '%{http_code}' "$PHOTO_API_URL/api/v1/customers" \
        -H 'Content-Type: application/json' --data-binary @-)
case $status in
201) echo "signed up as $PHOTO_EMAIL" >&2 ;;
409) ;; # was there already
*)
    echo "signing up failed with status $status" >&2
    exit 1
    ;;
esac

# device name x: what POST /devices wants; with x, a public key as JWK.
device() {
    python3 -c '
import json, sys
key = {"public_key": {"kty": "OKP", "crv": "Ed25519", "x": sys.argv[2]}} if sys.argv[2] else {}
print(json.dumps({"name": sys.argv[1]} | key))' "$@"
}

access=$(log_in)
public_key=
if [ $# -gt 1 ]; then
    public_key=$(openssl pkey -in "$2" -pubout -outform DER | tail -c 32 | openssl base64 | tr '+/' '-_' | tr -d '=')
fi
device "$name" "$public_key" |
    curl -fsS "$PHOTO_API_URL/api/v1/devices" -H "Authorization: Bearer $access" \
        -H 'Content-Type: application/json' --data-binary @- |
    if [ -n "$public_key" ]; then field device_id; else field token; fi
