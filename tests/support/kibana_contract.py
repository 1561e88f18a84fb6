"""A stand-in for Kibana over real HTTP that holds every request to the documented contract of 8.19's API.

It is no Kibana: it knows log-in, the ``kbn-xsrf`` header, spaces, the shape of a role, the settings of a space, and the
import of saved objects with its rules about file name, overwriting, references, ids that another space holds, and
versions that are too new (https://www.elastic.co/docs/api/doc/kibana/v8/; the two last as 8.12.2 was seen to answer).
"""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlsplit

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it ships no types

Json = dict[str, Any]
POLL_SECONDS = 0.01
NEWEST = {"index-pattern": "8.0.0", "search": "8.0.0", "dashboard": "8.9.0"}
"""The versions that the oldest supported Kibana, 8.12, knows of each type."""
STRINGS = {"type": "array", "items": {"type": "string"}}
SPACE = {
    "type": "object",
    "required": ["id", "name"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "string", "pattern": "^[a-z0-9_-]+$"},
        "name": {"type": "string", "minLength": 1},
        "description": {"type": "string"},
        "color": {"type": "string", "pattern": "^#[0-9a-fA-F]{6}$"},
        "initials": {"type": "string", "maxLength": 2},
        "imageUrl": {"type": "string"},
        "disabledFeatures": STRINGS,
        "solution": {"enum": ["security", "oblt", "es", "classic"]},
    },
}
ROLE = {
    "type": "object",
    "required": ["elasticsearch"],
    "additionalProperties": False,
    "properties": {
        "description": {"type": "string", "maxLength": 2048},
        "metadata": {"type": "object"},
        "elasticsearch": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "cluster": STRINGS,
                "run_as": STRINGS,
                "indices": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["names", "privileges"],
                        "properties": {"names": {**STRINGS, "minItems": 1}, "privileges": {**STRINGS, "minItems": 1}},
                    },
                },
            },
        },
        "kibana": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "base": {"type": "array", "items": {"enum": ["all", "read"]}},
                    "feature": {"type": "object", "additionalProperties": {**STRINGS, "minItems": 1}},
                    "spaces": {**STRINGS, "minItems": 1},
                },
            },
        },
    },
}


class StandIn(ThreadingHTTPServer):
    """What this Kibana holds, and what a test wants it to do."""

    daemon_threads = True

    def __init__(self, user: str, password: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.log_in = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        self.spaces: dict[str, Json] = {"default": {"id": "default", "name": "Default", "_reserved": True}}
        self.roles: dict[str, Json] = {}
        self.objects: dict[tuple[str, str, str], Json] = {}
        self.asked: list[str] = []
        self.settings: dict[str, dict[str, Json]] = {}
        self.failing: tuple[int, bytes] | None = None
        self.refused: set[str] = set()
        self.app = b""
        self._made = count(1)

    def place_of(self, space: str, kind: str, identifier: str) -> str:
        """Under which id an object comes to be in the space.

        Its own, unless another space holds that: then the one that was made of it before, or one made up now.
        """
        here = [key for key, one in self.objects.items() if key[0] == space and one.get("originId") == identifier]
        elsewhere = any(key[0] != space and key[1:] == (kind, identifier) for key in self.objects)
        if (space, kind, identifier) in self.objects or not (here or elsewhere):
            return identifier
        return next((key[2] for key in here if key[1] == kind), f"made-up-{next(self._made)}")

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def stand_in(user: str, password: str) -> Iterator[StandIn]:
    """One that runs in a thread of its own."""
    with StandIn(user, password) as server:
        thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: StandIn

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
        """Keep quiet."""

    def do_GET(self) -> None:
        """A space."""
        self._serve("GET")

    def do_POST(self) -> None:
        """A new space, or an import."""
        self._serve("POST")

    def do_PUT(self) -> None:
        """A space or a role."""
        self._serve("PUT")

    def _serve(self, method: str) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        path = urlsplit(self.path).path
        self.server.asked.append(f"{method} {path}")
        if self.server.failing:
            status, text = self.server.failing
            self._answer(status, text)
        elif method == "GET" and path.endswith(("/app/dashboards", "/login")):
            self._answer(200, self.server.app, "text/html; charset=utf-8")
        elif self.headers.get("authorization") != self.server.log_in:
            self._problem(401, "Unauthorized")
        elif method != "GET" and not self.headers.get("kbn-xsrf"):
            self._problem(400, "Request must contain a kbn-xsrf header.")
        else:
            self._route(method, path.strip("/").split("/"), body)

    def _route(self, method: str, path: list[str], body: bytes) -> None:
        match method, path:
            case "GET", ["api", "spaces", "space", name]:
                space = self.server.spaces.get(name)
                self._json(200, space) if space else self._problem(404, "Not Found")
            case "POST", ["api", "spaces", "space"]:
                self._make_space(json.loads(body))
            case "PUT", ["api", "spaces", "space", name]:
                self._put_space(name, json.loads(body))
            case "PUT", ["api", "security", "role", name]:
                self._put_role(name, json.loads(body))
            case "POST", ["api", "saved_objects", "_import"]:
                self._import("default", body)
            case "POST", ["s", space, "api", "saved_objects", "_import"] if space in self.server.spaces:
                self._import(space, body)
            case _, ["s", space, "api", "kibana", "settings"] if space in self.server.spaces:
                self._settings(space, json.loads(body) if body else {"changes": {}})
            case _:
                self._problem(404, "Not Found")

    def _make_space(self, space: Json) -> None:
        if self._fits(space, SPACE):
            if space["id"] in self.server.spaces:
                self._problem(409, f"A space with the identifier {space['id']} already exists.")
            else:
                self.server.spaces[space["id"]] = {"disabledFeatures": [], **space}
                self._json(200, self.server.spaces[space["id"]])

    def _put_space(self, name: str, space: Json) -> None:
        if self._fits(space, SPACE):
            self.server.spaces[name] = space
            self._json(200, space)

    def _put_role(self, name: str, role: Json) -> None:
        if not self._fits(role, ROLE):
            return
        for entry in role.get("kibana", []):
            if bool(entry.get("base")) == bool(entry.get("feature")):
                self._problem(400, "either base or feature privileges are expected")
                return
        self.server.roles[name] = role
        self._answer(204, b"")

    def _fits(self, body: Json, schema: Json) -> bool:
        errors = [error.message for error in Draft202012Validator(schema).iter_errors(body)]
        if errors:
            self._problem(400, f"[request body]: {errors[0]}")
        return not errors

    def _import(self, space: str, body: bytes) -> None:
        query = parse_qs(urlsplit(self.path).query)
        part = self._part(body)
        if part is None:
            self._problem(400, "[request body.file]: expected value of type [Stream]")
            return
        name, content = part
        if not name.endswith(".ndjson"):
            self._problem(400, f"Invalid file extension .{name.rpartition('.')[2]}")
            return
        given = [json.loads(line) for line in content.decode().splitlines()]
        if newer := next((each for each in given if _version(each) > _version(NEWEST[each["type"]])), None):
            known, claimed = NEWEST[newer["type"]], newer["typeMigrationVersion"]
            text = f"belongs to a more recent version of Kibana [{claimed}] when the last known version is [{known}]."
            self._problem(422, f'Document "{newer["id"]}" {text}')
            return
        errors = [error for each in given if (error := self._failure(space, each, given, query))]
        if errors:
            self._json(200, {"success": False, "successCount": 0, "errors": errors})
        else:
            self._json(200, {"success": True, "successCount": len(given), "successResults": self._take(space, given)})

    def _take(self, space: str, given: list[Json]) -> list[Json]:
        """Keep the objects, where need be under other ids, by which they then refer to each other."""
        places = {each["id"]: self.server.place_of(space, each["type"], each["id"]) for each in given}
        done = []
        for each in given:
            here = places[each["id"]]
            references = [{**one, "id": places.get(one["id"], one["id"])} for one in each["references"]]
            moved = {"id": here, "originId": each["id"]} if here != each["id"] else {}
            self.server.objects[space, each["type"], here] = {**each, "references": references, **moved}
            result = {"type": each["type"], "id": each["id"], "meta": {}, "managed": each.get("managed", False)}
            done.append(result | ({"destinationId": here} if moved else {}))
        return done

    def _settings(self, space: str, body: Json) -> None:
        """Set what is asked for; answer all that somebody has set."""
        if set(body) != {"changes"}:
            self._problem(400, f"[request body]: definition for this key is missing: {sorted(body)}")
            return
        held = self.server.settings.setdefault(space, {})
        held |= {name: {"userValue": value} for name, value in body["changes"].items()}
        self._json(200, {"settings": held})

    def _part(self, body: bytes) -> tuple[str, bytes] | None:
        """Name and content of the form's file."""
        head = f"content-type: {self.headers['content-type']}\r\n\r\n".encode()
        form = message_from_bytes(head + body, policy=HTTP)
        if form.get_content_type() != "multipart/form-data":
            return None
        for part in form.iter_parts():
            if part.get_param("name", header="content-disposition") == "file":
                return part.get_filename() or "", bytes(part.get_content())
        return None

    def _failure(self, space: str, each: Json, given: list[Json], query: dict[str, list[str]]) -> Json | None:
        named = {"type": each["type"], "id": each["id"], "meta": {}}
        here = {(one["type"], one["id"]) for one in given}
        missing = [
            {"type": one["type"], "id": one["id"]} for one in each["references"] if (one["type"], one["id"]) not in here
        ]
        if missing:
            return {**named, "error": {"type": "missing_references", "references": missing}}
        if each["id"] in self.server.refused:
            return {**named, "error": {"type": "unsupported_type"}}
        present = (space, each["type"], each["id"]) in self.server.objects
        if present and query.get("overwrite") != ["true"]:
            return {**named, "error": {"type": "conflict"}}
        return None

    def _problem(self, status: int, message: str) -> None:
        self._json(status, {"statusCode": status, "error": "as the status says", "message": message})

    def _json(self, status: int, body: Json) -> None:
        self._answer(status, json.dumps(body).encode())

    def _answer(self, status: int, body: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _version(of: Json | str) -> tuple[int, ...]:
    text = of if isinstance(of, str) else of["typeMigrationVersion"]
    return tuple(int(part) for part in text.split("."))
