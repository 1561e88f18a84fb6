"""A customer of the upload API: signs up, uploads, asks what became of it. Speaks HTTP as the OpenAPI document says."""

from __future__ import annotations

import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import httpx

from local_stack.demo.errors import NotUpError, RequestRefusedError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping, Sequence

    from local_stack.demo.corpus import PhotoFile

REQUEST_SECONDS = 120.0
TRIES = 6
LONGEST_PAUSE = 10.0
RECEIPTS_AT_ONCE = 100
LATER = frozenset({"busy", "not_acknowledged"})
"""Why a file was not taken that may be taken when it is sent again."""


@dataclass(frozen=True, slots=True, order=True)
class Coordinates:
    """Where a record lies in Kafka."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        """As Elasticsearch's document ids have it."""
        return f"{self.topic}-{self.partition}-{self.offset}"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a sender holds once Kafka has the photo."""

    photo_id: str
    sha256: str
    at: Coordinates
    token: str

    @classmethod
    def of(cls, answer: dict[str, Any]) -> Receipt:
        """Return the receipt that an application answered with."""
        at = Coordinates(answer["topic"], answer["partition"], answer["offset"])
        return cls(answer["photo_id"], answer["sha256"], at, answer["token"])


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file that was not taken at the door."""

    filename: str
    reason: str
    detail: str


class Customer:
    """One signed-up customer with a session.

    Args:
        url: The upload API.
        name: What the customer is called.
        email: Must not have signed up before.
        password: At least ten characters.
        trusted: Whose certificates to take; the system's authorities' where left out.
    """

    def __init__(self, url: str, name: str, email: str, password: str, trusted: ssl.SSLContext | None = None) -> None:
        self.name = name
        self.email = email
        self.password = password
        self._http = httpx.Client(
            base_url=f"{url}/api/v1", timeout=REQUEST_SECONDS, trust_env=False, verify=trusted or True
        )
        account = {"email": email, "password": password}
        self.customer_id = str(self._json("POST", "/customers", json={**account, "display_name": name})["customer_id"])
        session = self._json("POST", "/session", json=account)
        self._http.headers["Authorization"] = f"Bearer {session['access_token']}"

    def close(self) -> None:
        """End the connections."""
        self._http.close()

    def device_token(self, device: str) -> str:
        """Register a device and return its token."""
        return str(self._json("POST", "/devices", json={"name": device})["token"])

    def signing_device(self, device: str, public_key: Mapping[str, Any]) -> str:
        """Register a device with a key of its own (a JWK) and return its id."""
        return str(self._json("POST", "/devices", json={"name": device, "public_key": public_key})["device_id"])

    def upload(self, files: Sequence[PhotoFile]) -> tuple[list[Receipt], list[Refusal]]:
        """Send files, again what may be taken later. What was accepted has a receipt, the rest a reason."""
        receipts, refused = self._upload(files)
        for _ in range(TRIES):
            again = {refusal.filename for refusal in refused if refusal.reason in LATER}
            if not again:
                break
            time.sleep(1)
            more, still_refused = self._upload([file for file in files if file.name in again])
            receipts += more
            refused = [refusal for refusal in refused if refusal.filename not in again] + still_refused
        return receipts, refused

    def _upload(self, files: Sequence[PhotoFile]) -> tuple[list[Receipt], list[Refusal]]:
        parts = [("files", (file.name, file.data)) for file in files]
        answer = send(self._http, "POST", "/photos", files=parts)
        body = _body(answer)
        if answer.is_error and not body.get("rejected"):
            raise RequestRefusedError("POST /photos", answer.status_code, answer.text)
        receipts = [Receipt.of(receipt) for receipt in body.get("receipts", [])]
        refused = [Refusal(str(file["filename"]), file["reason"], file["detail"]) for file in body["rejected"]]
        return receipts, refused

    def states(self, receipts: Sequence[Receipt]) -> list[str]:
        """Return what became of each: pending, processed, duplicate, rejected or expired."""
        states: list[str] = []
        for start in range(0, len(receipts), RECEIPTS_AT_ONCE):
            tokens = [receipt.token for receipt in receipts[start : start + RECEIPTS_AT_ONCE]]
            states += [
                status["status"] for status in self._json("POST", "/receipts", json={"tokens": tokens})["receipts"]
            ]
        return states

    def sees(self, photo_id: str) -> bool:
        """Tell whether the photo is in the gallery."""
        answer = send(self._http, "GET", f"/photos/{photo_id}")
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return False
        _check(answer)
        return bool(answer.json()["status"] == "processed")

    def original(self, photo_id: str) -> bytes:
        """Return the photo as it was sent."""
        answer = send(self._http, "GET", f"/photos/{photo_id}/original")
        _check(answer)
        return answer.content

    def _json(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        answer = send(self._http, method, path, **options)
        _check(answer)
        return _body(answer)


def send(client: httpx.Client, method: str, path: str, **options: Any) -> httpx.Response:
    """Send a request, again while the answer is 503 with its ``Retry-After``.

    Raises:
        NotUpError: Nobody answers.
    """
    for attempt in range(TRIES):
        try:
            answer = client.request(method, path, **options)
        except httpx.HTTPError as error:
            raise NotUpError(f"{client.base_url} does not answer ({error})") from error
        if answer.status_code != HTTPStatus.SERVICE_UNAVAILABLE or attempt == TRIES - 1:
            break
        time.sleep(min(LONGEST_PAUSE, float(answer.headers.get("Retry-After", 1))))
    return answer


def _check(answer: httpx.Response) -> None:
    if answer.is_error:
        request = f"{answer.request.method} {answer.request.url.path}"
        raise RequestRefusedError(request, answer.status_code, answer.text)


def _body(answer: httpx.Response) -> dict[str, Any]:
    try:
        body: dict[str, Any] = answer.json()
    except ValueError as error:
        raise RequestRefusedError(str(answer.request.url), answer.status_code, answer.text) from error
    return body
