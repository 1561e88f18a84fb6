"""The exporter of the platform's own metrics. Whatever Prometheus there is scrapes it; none is started here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from local_stack.endpoints import DATABASE
from local_stack.kafka_access import METRICS, client_config
from local_stack.service import Layer, Service
from local_stack.services import base_environment, postgres
from local_stack.services.asking import ask
from local_stack.services.postgres import url
from local_stack.settings import HOST

if TYPE_CHECKING:
    from local_stack.services import Context

PROBE_SECONDS = 5


def services(context: Context) -> list[Service]:
    """Return the one exporter."""
    port = context.settings.ports("metrics")
    return [
        Service(
            name="metrics",
            unit="metrics",
            title="Metrics",
            layer=Layer.WEB,
            command=(str(context.settings.python), "-m", "photo_pipeline.metrics"),
            directory=context.layout.home,
            environment=environment(context),
            ports={"metrics": port},
            needs=(*postgres.names(context), *context.names("kafka")),
            probe=lambda: _probe(port),
        )
    ]


def environment(context: Context) -> dict[str, str]:
    """Return the exporter's settings (``photo_pipeline.settings``) as environment variables."""
    endpoints = context.endpoints
    return {
        **base_environment(context),
        "PHOTO_KAFKA_BOOTSTRAP_SERVERS": endpoints.kafka_bootstrap_servers,
        # The analysts' role: figures, and no photo.
        "PHOTO_DATABASE_URL": url(context, "photo_bi", DATABASE, "postgresql+psycopg"),
        "PHOTO_METRICS_HOST": HOST,
        "PHOTO_METRICS_PORT": str(context.settings.ports("metrics")),
        "PHOTO_METRICS_ELASTICSEARCH_URL": endpoints.elasticsearch_url,
        "PHOTO_METRICS_NAMENODE_URL": endpoints.webhdfs_url.replace(";", ","),
        **_secured(context),
    }


def _secured(context: Context) -> dict[str, str]:
    if not context.settings.secure:
        return {}
    log_in = client_config(context.settings, context.credentials, METRICS)
    return {
        "PHOTO_KAFKA_CLIENT_CONFIG": json.dumps(log_in),
        "PHOTO_METRICS_ELASTICSEARCH_CA_FILE": str(context.settings.ca_file),
    }


def _probe(port: int) -> None:
    ask(f"http://{HOST}:{port}/metrics", PROBE_SECONDS)
