#!/bin/sh
# Pushes images, one per request, and prints each receipt.
# Usage: PHOTO_DEVICE_TOKEN=... examples/push_frames.sh FILE...
set -eu
: "${PHOTO_STREAM_URL:?start the stack with make up, then: set -a; . .local/endpoints.env; set +a}"
: "${PHOTO_DEVICE_TOKEN:?make one with examples/make_device.sh}"
[ $# -gt 0 ] || {
    echo "name at least one image" >&2
    exit 2
}

# --retry sends again on 408, 429 and 503, and waits as long as Retry-After says. The same image sent twice is the same
# photo, so that is always safe.
failed=0
for file in "$@"; do
    [ -r "$file" ] || {
        echo "$file cannot be read" >&2
        failed=1
        continue
    }
    name=$(python3 -c 'import sys, urllib.parse; print(urllib.parse.quote(sys.argv[1]))' "$(basename "$file")")
    curl -sS --fail-with-body --retry 5 --retry-connrefused "$PHOTO_STREAM_URL/api/v1/frames" \
        -H "Authorization: Bearer $PHOTO_DEVICE_TOKEN" -H "X-Filename: $name" \
        -H 'Content-Type: application/octet-stream' --data-binary "@$file" || failed=1
    echo
done
exit $failed
