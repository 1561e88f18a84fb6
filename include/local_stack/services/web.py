"""The two web applications: upload API with gallery, and stream application."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from local_stack.endpoints import DATABASE
from local_stack.kafka_access import API, STREAM, client_config
from local_stack.service import Layer, Service
from local_stack.services import base_environment, postgres
from local_stack.services.asking import ask
from local_stack.services.hdfs import client_options
from local_stack.services.postgres import url
from local_stack.settings import HOST

if TYPE_CHECKING:
    from local_stack.services import Context

PROBE_SECONDS = 5
GRACE_SECONDS = 10
# Server name, title, application factory.
APPLICATIONS = (
    ("api", "Upload API", "photo_pipeline.api.app:create_app"),
    ("stream", "Stream application", "photo_pipeline.stream.app:create_app"),
)
USERS = {"api": API, "stream": STREAM}


# What every start of the applications says to uvicorn: its protocols with bounds; a frame may be as large as a photo,
# and photos do not compress.
SERVER = (
    *("--http", "photo_pipeline.web.http_protocol:BoundedHttp"),
    *("--ws", "photo_pipeline.web.websocket_protocol:BoundedWebSocket"),
    *("--ws-max-size", str(32 * 1024 * 1024), "--ws-per-message-deflate", "false"),
)


def services(context: Context) -> list[Service]:
    """Return the instances of both applications."""
    return [
        _application(context, server, name, instance, title, factory)
        for server, title, factory in APPLICATIONS
        for instance, name in enumerate(context.names(server), start=1)
    ]


def _application(context: Context, server: str, name: str, instance: int, title: str, factory: str) -> Service:
    port, host = context.settings.ports(server, instance), context.settings.host_of(name)
    command = (str(context.settings.python), "-m", "uvicorn", "--factory", factory, "--host", host, *SERVER)
    return Service(
        name=name,
        unit=server,
        title=title if name == server else f"{title} {instance}",
        layer=Layer.WEB,
        command=(*command, "--port", str(port), "--timeout-graceful-shutdown", str(GRACE_SECONDS)),
        directory=context.layout.home,
        environment={
            **environment(context),
            **_kafka(context, USERS[server]),
            **(_processes(context, name) if server == "api" else {}),
        },
        ports={server: port},
        host=host,
        needs=(*postgres.names(context), *context.names("kafka")),
        probe=lambda: _probe(host, port),
    )


def environment(context: Context) -> dict[str, str]:
    """Return the applications' settings (``photo_pipeline.settings``) as environment variables."""
    endpoints = context.endpoints
    return {
        **base_environment(context),
        "PHOTO_KAFKA_BOOTSTRAP_SERVERS": endpoints.kafka_bootstrap_servers,
        "PHOTO_HDFS_NAMENODE": endpoints.hdfs_namenode,
        "PHOTO_HDFS_CLIENT_CONFIG": json.dumps(client_options(context)),
        "PHOTO_DATABASE_URL": url(context, "photo_api", DATABASE, "postgresql+psycopg"),
        "PHOTO_SIGNING_KEY_FILE": endpoints.signing_key_file,
        "PHOTO_ERASURE_KEYS_FILE": str(context.credentials.erasure_keys_file()),
        "PHOTO_PUBLIC_URL": endpoints.api_url,
        "PHOTO_STREAM_URL": endpoints.stream_url,
        # Whom a request comes from, the load balancer alone is asked, where there is one.
        "FORWARDED_ALLOW_IPS": HOST if context.settings.instances.get("balancer") else "",
        # All replicas share it, so that an upload goes on at any of them.
        "PHOTO_UPLOAD_DIR": str(context.layout.data / "uploads"),
    }


def _kafka(context: Context, user: str) -> dict[str, str]:
    """Return how an application logs in to Kafka, where it has to."""
    found = client_config(context.settings, context.credentials, user)
    return {"PHOTO_KAFKA_CLIENT_CONFIG": json.dumps(found)} if found else {}


def _processes(context: Context, name: str) -> dict[str, str]:
    """Return what uvicorn and the metrics have to know where an instance is several processes."""
    count = context.settings.api_processes
    if count == 1:
        return {}
    return {"WEB_CONCURRENCY": str(count), "PROMETHEUS_MULTIPROC_DIR": str(context.layout.data / "metrics" / name)}


def _probe(host: str, port: int) -> None:
    ask(f"http://{host}:{port}/readyz", PROBE_SECONDS)
