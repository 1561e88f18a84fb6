"""Kibana over its documented HTTP API: spaces, roles, the import of saved objects, the page that a space opens with.

https://www.elastic.co/docs/api/doc/kibana/v8/ describes the calls. Each carries ``kbn-xsrf``, which Kibana demands of
whoever is not its own page.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

import httpx

from photo_pipeline.adapters.search.tls import trusting
from photo_pipeline.domain.dashboards import ImportedObjects, ReaderRole, Renamed, Space, SpaceChange
from photo_pipeline.domain.errors import DashboardRequestError, DashboardsRefusedError, ServerUnavailableError
from photo_pipeline.settings import KibanaSettings

REQUEST_SECONDS = 60.0
AWAY = (
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
)
FILE_NAME = "photos.ndjson"
"""Kibana refuses a file whose name does not end so."""
LANDING = "defaultRoute"
"""Name of the setting that says with what a space opens."""

Json = dict[str, Any]


class KibanaServer:
    """Implements the port ``DashboardServer``; to be used in a ``with`` statement.

    The account needs all of Kibana in all spaces to make a space, and the cluster privilege ``manage_security`` to set
    a role.
    """

    def __init__(self, settings: KibanaSettings) -> None:
        self._client = httpx.Client(
            base_url=settings.url,
            auth=(settings.user, settings.password.get_secret_value()),
            headers={"kbn-xsrf": "photo-pipeline"},
            timeout=REQUEST_SECONDS,
            verify=trusting(settings.ca_file),
            # As the Elasticsearch client: what is configured, and no proxy of the environment's.
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def ensure_space(self, space: Space) -> SpaceChange:
        """Make the space, or correct its name and description; its other settings stay as somebody set them."""
        wanted = {"id": space.identifier, "name": space.name, "description": space.description}
        path = f"/api/spaces/space/{space.identifier}"
        answer = self._call("GET", path, known=HTTPStatus.NOT_FOUND)
        if answer.status_code == HTTPStatus.NOT_FOUND:
            made = self._call("POST", "/api/spaces/space", json=wanted, known=HTTPStatus.CONFLICT)
            # Somebody else was faster, and made the same.
            return SpaceChange.KEPT if made.status_code == HTTPStatus.CONFLICT else SpaceChange.CREATED
        present = _object(answer)
        if all(present.get(name) == value for name, value in wanted.items()):
            return SpaceChange.KEPT
        self._call("PUT", path, json={**present, **wanted})
        return SpaceChange.CORRECTED

    def ensure_role(self, role: ReaderRole) -> None:
        """Set the role: no cluster privilege, reading on the indices, reading of the features in the one space."""
        self._call(
            "PUT",
            f"/api/security/role/{role.name}",
            json={
                "elasticsearch": {
                    "cluster": [],
                    "indices": [{"names": list(role.indices), "privileges": ["read", "view_index_metadata"]}],
                    "run_as": [],
                },
                "kibana": [{"base": [], "feature": {name: ["read"] for name in role.features}, "spaces": [role.space]}],
            },
        )

    def import_objects(self, space: Space, objects: bytes) -> ImportedObjects:
        """Import the file into the space, over what has the same ids.

        An id is one object's in all spaces. Where another space holds it, Kibana makes another up and calls that a
        success; importing again finds the object that was made so.
        """
        answer = self._call(
            "POST",
            f"/s/{space.identifier}/api/saved_objects/_import",
            params={"overwrite": "true"},
            files={"file": (FILE_NAME, objects, "application/ndjson")},
        )
        result = _object(answer)
        if result.get("errors") or not result.get("success"):
            raise DashboardsRefusedError([_failure(each) for each in result.get("errors", [])])
        renamed = tuple(
            Renamed(each["type"], each["id"], each["destinationId"])
            for each in result.get("successResults", [])
            if each.get("destinationId", each["id"]) != each["id"]
        )
        return ImportedObjects(int(result["successCount"]), renamed)

    def ensure_landing(self, space: Space, dashboard: str) -> bool:
        """See the port."""
        path = f"/s/{space.identifier}/api/kibana/settings"
        wanted = f"/app/dashboards#/view/{dashboard}"
        settings = _object(self._call("GET", path)).get("settings", {})
        chosen = settings.get(LANDING, {}).get("userValue")
        if chosen is None:
            self._call("POST", path, json={"changes": {LANDING: wanted}})
        return chosen in {None, wanted}

    def _call(self, method: str, path: str, *, known: HTTPStatus | None = None, **request: Any) -> httpx.Response:
        with _connection_errors():
            answer = self._client.request(method, path, **request)
        if answer.status_code in AWAY:
            raise ServerUnavailableError("Kibana", f"{answer.status_code} {_reason(answer)}")
        if not answer.is_success and answer.status_code != known:
            raise DashboardRequestError(f"{method} {path}", answer.status_code, _reason(answer))
        return answer


@contextmanager
def _connection_errors() -> Iterator[None]:
    try:
        yield
    except httpx.TransportError as error:
        raise ServerUnavailableError("Kibana", str(error) or type(error).__name__) from error


def _object(answer: httpx.Response) -> Json:
    """The answer's JSON object.

    Raises:
        DashboardRequestError: when it is something else: this is not Kibana, or not all of it.
    """
    try:
        found = answer.json()
    except ValueError:
        found = None
    if not isinstance(found, dict):
        asked = f"{answer.request.method} {answer.request.url.path}"
        raise DashboardRequestError(asked, answer.status_code, "the answer is not one of Kibana's: wrong address?")
    return found


def _reason(answer: httpx.Response) -> str:
    """Kibana's message; else the status in words."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    return str(body.get("message", answer.reason_phrase)) if isinstance(body, dict) else answer.reason_phrase


def _failure(each: Mapping[str, Any]) -> str:
    """One object that was not taken, and why."""
    error = each.get("error", {})
    detail = " ".join(str(error[name]) for name in ("type", "reason", "message") if error.get(name))
    missing = [f"{reference.get('type')} {reference.get('id')}" for reference in error.get("references", [])]
    named = f"{each.get('type')} {each.get('id')}: {detail or 'unknown'}"
    return f"{named} ({', '.join(missing)})" if missing else named
