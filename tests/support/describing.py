"""Runs schemathesis on an application and reads its report: what each operation answered."""

import json
import os
import subprocess
import sys
from base64 import b64encode
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from tests.support.images import encoded, scene

from photo_pipeline.domain.imaging import SniffedFormat

HOOKS = Path(__file__).with_name("schemathesis_hooks.py")
SECONDS = 250
UNFIT_CHECKS = ("positive_data_acceptance", "missing_required_header")
"""A schema cannot say what makes bytes a photo. And the header that all requests come with is never missing."""
Samples = dict[str, Any]
_V1 = "/api/v1"
LOG_OUT = f"DELETE {_V1}/session"
CLOSE = f"DELETE {_V1}/me"
BINNING = (f"DELETE {_V1}/photos/{{photo_id}}", f"POST {_V1}/photos/delete", f"POST {_V1}/photos/restore")
PROVING = (
    f"DELETE {_V1}/me/sessions/{{session_id}}",
    f"DELETE {_V1}/me/sessions",
    f"PUT {_V1}/me/password",
)
USE_RESET = f"PUT {_V1}/password-resets"
_TUS = {"Tus-Resumable": "1.0.0"}


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the tool.

    Attributes:
        printed: for people.
        is_fine: whether it found nothing.
        statuses: of all answers, by operation.
    """

    printed: str
    is_fine: bool
    statuses: Mapping[str, list[int]]

    def __add__(self, other: "Run") -> "Run":
        """Both together."""
        printed = self.printed + other.printed
        return Run(printed, self.is_fine and other.is_fine, {**self.statuses, **other.statuses})

    def without_success(self) -> list[str]:
        """Operations that never did what they are for: nothing behind their refusals was looked at."""
        return [name for name, found in self.statuses.items() if not any(200 <= status < 300 for status in found)]

    def with_failure(self) -> list[str]:
        """Operations that failed for a reason of ours."""
        return [name for name, found in self.statuses.items() if any(status >= 500 for status in found)]


def samples(operations: Mapping[str, Mapping[str, object]]) -> Samples:
    """What the hooks are to know: parameters by name, and ``body``, by operation."""
    return {"photo": b64encode(_photo()).decode(), "operations": operations}


def api_samples(client: httpx.Client, who: Mapping[str, str], photo_id: str, kept_id: str) -> Samples:
    """What exists at the upload API for the customer of this client, made where it does not.

    Args:
        client: sends the customer's token.
        who: log-in of the customer.
        photo_id: a processed photo.
        kept_id: another one, which is kept longer.
    """
    receipt = client.post("/photos", files=[("files", ("a.jpg", _photo()))]).raise_for_status().json()["receipts"][0]
    device = client.post("/devices", json={"name": "webcam"}).raise_for_status().json()["device_id"]
    share = client.post("/shares", json={"photo_ids": [photo_id]}).raise_for_status().json()["share_id"]
    newcomer = {"email": f"{uuid4()}@example.org", "password": "correct horse battery", "display_name": "Grace"}
    forms = {f"{method} {_V1}/photos/{{photo_id}}/{{kind}}": {"kind": "thumb"} for method in ("GET", "HEAD")}
    return samples(
        {
            **{name: {"photo_id": photo_id, **more} for name, more in forms.items()},
            f"GET {_V1}/photos/{{photo_id}}": {"photo_id": photo_id},
            f"DELETE {_V1}/photos/{{photo_id}}": {"photo_id": kept_id},
            f"POST {_V1}/photos/delete": {"body": {"photo_ids": [kept_id]}},
            f"POST {_V1}/photos/restore": {"body": {"photo_ids": [kept_id]}},
            f"POST {_V1}/photos/archive": {"body": {"photo_ids": [photo_id]}},
            f"POST {_V1}/shares": {"body": {"photo_ids": [photo_id]}},
            f"DELETE {_V1}/shares/{{share_id}}": {"share_id": share},
            CLOSE: {"body": {"password": who["password"]}},
            f"PUT {_V1}/holds/{{photo_id}}": {"photo_id": photo_id},
            f"DELETE {_V1}/holds/{{photo_id}}": {"photo_id": kept_id},
            f"GET {_V1}/receipts/{{token}}": {"token": receipt["token"]},
            f"POST {_V1}/receipts": {"body": {"tokens": [receipt["token"]]}},
            f"DELETE {_V1}/devices/{{device_id}}": {"device_id": device},
            f"PATCH {_V1}/devices/{{device_id}}": {"device_id": device, "body": {"name": "back door"}},
            f"PATCH {_V1}/me": {"body": {"display_name": "Ada Lovelace"}},
            f"POST {_V1}/password-resets": {"body": {"email": who["email"]}},
            f"POST {_V1}/customers": {"body": newcomer},
            f"POST {_V1}/session": {"body": dict(who)},
            f"GET {_V1}/uploads/known/{{sha256}}": {"sha256": sha256(_photo()).hexdigest()},
            **dict(_uploads(client)),
        }
    )


def proving_samples(client: httpx.Client, who: Mapping[str, str]) -> dict[str, dict[str, object]]:
    """A session to end, and the password, which stays what it is."""
    secret = who["password"]
    client.post("/session", json=dict(who)).raise_for_status()
    client.cookies.clear()
    sessions = client.get("/me/sessions").raise_for_status().json()["sessions"]
    other = next(session["session_id"] for session in sessions if not session["current"])
    bodies = {"body": {"old_password": secret, "password": secret}}
    one, _, change = PROVING
    return {one: {"session_id": other}, change: bodies}


def _uploads(client: httpx.Client) -> Iterator[tuple[str, dict[str, str]]]:
    """An upload for each operation on one: each may end it."""
    for method in ("HEAD", "GET", "PATCH", "DELETE", "POST"):
        begun = client.post("/uploads", headers={**_TUS, "Upload-Length": "1000000"}).raise_for_status()
        sample = {"upload_id": begun.headers["Location"].rpartition("/")[2], "tus-resumable": "1.0.0"}
        if method in {"PATCH", "POST"}:
            sample |= {"upload-offset": "0"}
        if method == "POST":
            sample |= {"x-http-method-override": "DELETE"}
        yield f"{method} {_V1}/uploads/{{upload_id}}", sample


def described(url: str, known: Samples, authorization: str, folder: Path, *selection: str) -> Run:
    """What became of the application's description.

    Args:
        url: of the application.
        known: see ``samples``.
        authorization: that all requests come with.
        folder: for files of this run.
        selection: options of the tool that choose operations.
    """
    file, report = folder / "samples.json", folder / "report.ndjson"
    file.write_text(json.dumps(known))
    tool = Path(sys.executable).with_name("schemathesis")
    options = ["--exclude-checks", ",".join(UNFIT_CHECKS), "--phases", "examples,coverage,fuzzing"]
    options += ["--exclude-path", f"{_V1}/events"]
    options += ["--max-examples", "10", "--seed", "1", "--header", f"Authorization: {authorization}"]
    options += ["--report", "ndjson", "--report-ndjson-path", str(report), *selection]
    done = subprocess.run(  # noqa: S603 - a tool of ours
        [str(tool), "run", f"{url}/openapi.json", *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
        env={**os.environ, "SCHEMATHESIS_HOOKS": str(HOOKS), "PHOTO_SAMPLES": str(file)},
    )
    return Run(done.stdout, done.returncode == 0, _statuses(report))


def _statuses(report: Path) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for line in report.read_text().splitlines():
        if (ended := json.loads(line).get("ScenarioFinished")) is None:
            continue
        recorder = ended["recorder"]
        for exchange in recorder.get("interactions", {}).values():
            answer = exchange["response"]
            found[recorder["label"]].append(0 if answer is None else answer["status_code"])
    return found


def _photo() -> bytes:
    return encoded(scene(64, 48), SniffedFormat.JPEG)
