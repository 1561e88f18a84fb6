# Sourced by the other scripts: log_in prints an access token, api calls the upload API with it.
# shellcheck shell=sh
set -eu
: "${PHOTO_API_URL:?start the stack with make up, then: set -a; . .local/endpoints.env; set +a}"
: "${PHOTO_EMAIL:?export PHOTO_EMAIL, the address of the customer}"
: "${PHOTO_PASSWORD:?export PHOTO_PASSWORD, at least 10 characters}"

# json name value ... : an object of strings; values may hold anything.
json() {
    python3 -c 'import json, sys; print(json.dumps(dict(zip(sys.argv[1::2], sys.argv[2::2]))))' "$@"
}

# field name: one member of the object on standard input.
field() {
    python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"
}

log_in() {
    json email "$PHOTO_EMAIL" password "$PHOTO_PASSWORD" |
        curl -fsS "$PHOTO_API_URL/api/v1/session" -H 'Content-Type: application/json' --data-binary @- |
        field access_token
}
