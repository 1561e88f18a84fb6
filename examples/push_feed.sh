#!/bin/sh
# Pushes images as a camera does: one request, each image a part of it. Prints an answer per line while it goes on.
# Usage: PHOTO_DEVICE_TOKEN=... examples/push_feed.sh FILE...
set -eu
: "${PHOTO_STREAM_URL:?start the stack with make up, then: set -a; . .local/endpoints.env; set +a}"
: "${PHOTO_DEVICE_TOKEN:?make one with examples/make_device.sh}"
[ $# -gt 0 ] || {
    echo "name at least one image" >&2
    exit 2
}

# A part is whole once the boundary behind it has come, so that is written right behind each image. A feed may simply end
# there; cameras do.
feed() {
    printf -- '--frame\r\n'
    for file in "$@"; do
        [ -r "$file" ] || {
            echo "$file cannot be read" >&2
            continue
        }
        name=$(basename "$file" | tr -d '"\\\r\n')
        printf 'Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename="%s"\r\n\r\n' "$name"
        cat "$file"
        printf '\r\n--frame\r\n'
    done
}

# -T - sends what comes on standard input as it comes, and -N prints what is answered meanwhile.
feed "$@" | curl -sSN --fail-with-body "$PHOTO_STREAM_URL/api/v1/feed" -X POST -T - \
    -H "Authorization: Bearer $PHOTO_DEVICE_TOKEN" -H 'Content-Type: multipart/x-mixed-replace; boundary=frame'
