"""Whose gallery is photographed: a customer of its own, with painted photos that look well side by side."""

from __future__ import annotations

import secrets
import time
from http import HTTPStatus
from typing import TYPE_CHECKING

import httpx

from local_stack.demo.corpus import make_photo
from local_stack.demo.customer import Customer
from local_stack.demo.errors import NotUpError, StalledError
from local_stack.demo.figures import INDEX
from local_stack.screenshots.errors import NothingToShowError

if TYPE_CHECKING:
    from local_stack.demo.places import Places

NAME = "Katherine"
NUMBERS = range(50)  # the newest come first: some that look well beside each other
# Files of the other formats have few colours, or none, or are see-through: the demo is for these.
PHOTOGRAPHS = (".jpg", ".jpeg", ".heic", ".webp", ".avif")
FILES_PER_REQUEST = 8
PATIENCE_SECONDS = 180.0
POLL_SECONDS = 0.5
REQUEST_SECONDS = 30.0


def require_a_demo(places: Places) -> None:
    """Refuse to photograph empty pages.

    Raises:
        NotUpError: Elasticsearch does not answer.
        NothingToShowError: It knows of no photo.
    """
    login = (places.elasticsearch_user, places.elasticsearch_password)
    try:
        answer = httpx.get(
            f"{places.elasticsearch}/{INDEX}/_count", auth=login, timeout=REQUEST_SECONDS, trust_env=False
        )
    except httpx.HTTPError as error:
        raise NotUpError(f"{places.elasticsearch} does not answer ({error})") from error
    if answer.status_code != HTTPStatus.OK or not answer.json()["count"]:
        raise NothingToShowError("no photo has been processed yet")


def sitter(places: Places) -> Customer:
    """Sign up a customer, send their photos, and return when all are in the gallery.

    Raises:
        NotUpError, RequestRefusedError: The upload API does not answer, or not as expected.
        StalledError: The photos are not processed.
    """
    email = f"{NAME.lower()}-{secrets.token_hex(6)}@example.com"
    customer = Customer(places.api, NAME, email, secrets.token_urlsafe(12))
    painted = map(make_photo, NUMBERS)
    photos = [photo for photo in painted if photo.name.lower().endswith(PHOTOGRAPHS)]
    receipts = []
    for start in range(0, len(photos), FILES_PER_REQUEST):
        accepted, _ = customer.upload(photos[start : start + FILES_PER_REQUEST])
        receipts += accepted
    deadline = time.monotonic() + PATIENCE_SECONDS
    while "pending" in customer.states(receipts):
        if time.monotonic() > deadline:
            raise StalledError("processing the photos", PATIENCE_SECONDS, f"{places.airflow}/dags/photo_ingest")
        time.sleep(POLL_SECONDS)
    return customer
