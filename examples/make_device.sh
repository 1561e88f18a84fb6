#!/bin/sh
# Prints the token of a new device of the customer PHOTO_EMAIL, who is signed up first where there is no such customer.
# Usage: examples/make_device.sh "front door"
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

access=$(log_in)
json name "$name" |
    curl -fsS "$PHOTO_API_URL/api/v1/devices" -H "Authorization: Bearer $access" \
        -H 'Content-Type: application/json' --data-binary @- |
    field token
