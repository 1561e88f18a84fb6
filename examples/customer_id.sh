#!/bin/sh
# Prints the id of the customer PHOTO_EMAIL.
. "$(dirname "$0")/session.sh"
access=$(log_in)
curl -fsS "$PHOTO_API_URL/api/v1/me" -H "Authorization: Bearer $access" | field customer_id
