"""Elasticsearch with security on: users of the file realm, one role per use."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from typing import TYPE_CHECKING, Any

from local_stack.endpoints import ELASTICSEARCH_ADMIN, ELASTICSEARCH_ANALYST, ELASTICSEARCH_SYNC
from local_stack.errors import NotReadyError
from local_stack.service import Layer, Service
from local_stack.services import JVM_OPTIONS
from local_stack.services.asking import ask
from local_stack.settings import HOST

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from local_stack.services import Context

PROBE_SECONDS = 3
HASH_ROUNDS = 10_000
HASH_BYTES = 32
INDICES = ["photos*"]
ROLES: dict[str, dict[str, Any]] = {
    # The pipeline's own: its indices and their template, nothing of anybody else's.
    ELASTICSEARCH_SYNC: {
        "cluster": ["monitor", "manage_index_templates"],
        "indices": [{"names": INDICES, "privileges": ["manage", "read", "write"]}],
    },
    ELASTICSEARCH_ANALYST: {
        "cluster": ["monitor"],
        "indices": [{"names": INDICES, "privileges": ["read", "view_index_metadata"]}],
    },
}
# The supervisor rotates what goes to the console.
LOGGING = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{ISO8601} %-5p %c{1.}: %m%consoleException%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
"""
ELASTICSEARCH_JVM_OPTIONS = ("-Djava.io.tmpdir=${ES_TMPDIR}", "20-:--add-modules=jdk.incubator.vector")
USERS = {
    ELASTICSEARCH_ADMIN: "superuser",
    ELASTICSEARCH_SYNC: ELASTICSEARCH_SYNC,
    ELASTICSEARCH_ANALYST: ELASTICSEARCH_ANALYST,
}


def services(context: Context) -> list[Service]:
    """Return the one Elasticsearch node."""
    folder = context.layout.data / "elasticsearch"
    heap = context.settings.memory["elasticsearch"]
    ports = context.settings.ports
    return [
        Service(
            name="elasticsearch",
            unit="elasticsearch",
            title="Elasticsearch",
            layer=Layer.STORAGE,
            command=(str(context.installed("elasticsearch") / "bin" / "elasticsearch"),),
            directory=folder,
            environment={
                "HOME": str(folder),
                "ES_JAVA_HOME": str(context.java_home),
                "ES_JAVA_OPTS": f"-Xms{heap} -Xmx{heap}",
                "CLI_JAVA_OPTS": " ".join(JVM_OPTIONS),  # of the program that starts the server
                "ES_PATH_CONF": str(folder / "config"),
                "ES_TMPDIR": str(folder / "tmp"),
            },
            ports={
                "elasticsearch": ports("elasticsearch"),
                "elasticsearch_transport": ports("elasticsearch_transport"),
            },
            user=context.layout.service_user,
            download=context.download("elasticsearch"),
            prepare=lambda: _prepare(context, folder),
            probe=lambda: _probe(context),
        )
    ]


def configuration(context: Context, folder: Path) -> dict[str, object]:
    """Return elasticsearch.yml."""
    return {
        "cluster.name": "photos",
        "node.name": "photos-1",
        "path.data": str(folder / "data"),
        "path.logs": str(folder / "logs"),
        "network.host": HOST,
        "http.port": context.settings.ports("elasticsearch"),
        "transport.port": context.settings.ports("elasticsearch_transport"),
        "discovery.type": "single-node",
        # The defaults are parts of the disk: on a large disk that is 90 % full, indices would turn read-only.
        "cluster.routing.allocation.disk.watermark.low": "1gb",
        "cluster.routing.allocation.disk.watermark.high": "750mb",
        "cluster.routing.allocation.disk.watermark.flood_stage": "500mb",
        "xpack.security.enabled": True,
        "xpack.security.autoconfiguration.enabled": False,
        **_tls(context),
        "xpack.security.authc.realms.file.local.order": 0,
    }


def _tls(context: Context) -> dict[str, object]:
    """Return what it shows to clients, and to other nodes, who would have to show one as well; there are none."""
    ways: dict[str, object] = {}
    for way in ("http", "transport"):
        ways[f"xpack.security.{way}.ssl.enabled"] = context.settings.secure
        if context.settings.secure:
            ways[f"xpack.security.{way}.ssl.certificate"] = "server.crt"
            ways[f"xpack.security.{way}.ssl.key"] = "server.key"
            ways[f"xpack.security.{way}.ssl.certificate_authorities"] = ["ca.crt"]
    return ways


def _certificates(context: Context) -> dict[str, str]:
    if not context.settings.secure:
        return {}
    issued = context.authority.issue("elasticsearch")
    ca = context.authority.ca_file.read_text()
    return {"server.crt": issued.certificate, "server.key": issued.key, "ca.crt": ca}


def _prepare(context: Context, folder: Path) -> None:
    context.layout.check_readable(context.settings.cache, "PHOTO_CACHE")
    context.layout.make_owned(folder)
    for part in ("data", "logs", "tmp"):
        context.layout.make_owned(folder / part)
    config = context.layout.make_owned(folder / "config")
    passwords = {user: context.credentials.password(user) for user in USERS}
    files = {
        "elasticsearch.yml": as_yaml(configuration(context, folder)),
        "roles.yml": as_yaml(ROLES),
        "users": "".join(f"{user}:{password_hash(user, text)}\n" for user, text in passwords.items()),
        "users_roles": "".join(f"{role}:{user}\n" for user, role in USERS.items()),
        "log4j2.properties": LOGGING,
        "jvm.options": "\n".join((*JVM_OPTIONS, *ELASTICSEARCH_JVM_OPTIONS, "")),
        **_certificates(context),
    }
    for name, text in files.items():
        (config / name).write_text(text)
    for path in config.iterdir():
        path.chmod(0o600 if path.is_file() else 0o700)
        if context.layout.service_user:
            shutil.chown(path, context.layout.service_user)


def as_yaml(table: Mapping[str, object]) -> str:
    """Write one line per key: the roles file is split at lines that begin with a name, and resolves no anchors."""
    return "".join(f"{key}: {json.dumps(value)}\n" for key, value in table.items())


def password_hash(user: str, password: str) -> str:
    """Return the password in the file realm's PBKDF2 form.

    The form is ``{PBKDF2}rounds$salt$hash``: PBKDF2-HMAC-SHA512, 32 bytes, base64 (Elasticsearch reference, "Secure
    settings for passwords", hashing algorithm ``pbkdf2_10000``). The salt is derived, so that an unchanged password
    gives an unchanged file; the password itself is random.
    """
    salt = hashlib.sha256(f"{user}:{password}".encode()).digest()
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, HASH_ROUNDS, HASH_BYTES)
    return f"{{PBKDF2}}{HASH_ROUNDS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def _probe(context: Context) -> None:
    endpoints = context.endpoints
    answer = ask(
        f"{endpoints.elasticsearch_url}/_cluster/health",
        PROBE_SECONDS,
        context.settings.ca_file,
        params={"wait_for_status": "yellow", "timeout": "2s"},
        auth=(endpoints.elasticsearch_user, endpoints.elasticsearch_password),
    )
    try:
        status = answer.json()["status"]
    except (KeyError, ValueError) as error:
        raise NotReadyError(str(error)) from error
    if status not in {"yellow", "green"}:
        raise NotReadyError(f"status {status}")
