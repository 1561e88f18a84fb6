"""Where the demo finds the servers: ``endpoints.env``, as ``make up`` writes it."""

from __future__ import annotations

import json
import shlex
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from local_stack.demo.errors import NotUpError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Places:
    """Addresses and log-ins; URLs have no slash at the end.

    Attributes:
        api: Upload API and gallery.
        stream: Stream application.
        airflow: Airflow's UI and REST API, with user and password in the next two.
        airflow_user: May trigger DAGs.
        airflow_password: Their password.
        kafka: ``host:port``, comma separated.
        webhdfs: The NameNode's HTTP address; of two, with a semicolon between.
        hdfs_user: Who to be on HDFS.
        database: libpq URL of a role that may read the ledger.
        elasticsearch: HTTP address, with user and password in the next two.
        elasticsearch_user: May read ``photos``.
        elasticsearch_password: Their password.
        ca_file: Whose certificates to trust, where the stack is a secured one; empty elsewhere.
        kafka_client: What Kafka wants of a client beside the address, in librdkafka's words.
    """

    api: str
    stream: str
    airflow: str
    airflow_user: str
    airflow_password: str
    kafka: str
    webhdfs: str
    hdfs_user: str
    database: str
    elasticsearch: str
    elasticsearch_user: str
    elasticsearch_password: str
    ca_file: str = ""
    kafka_client: Mapping[str, str] = field(default_factory=dict)

    @property
    def trusted(self) -> ssl.SSLContext | None:
        """Whose certificates to take; the system's authorities' where there is nothing."""
        return ssl.create_default_context(cafile=self.ca_file) if self.ca_file else None

    @classmethod
    def of(cls, values: Mapping[str, str]) -> Places:
        """Return the places that these variables name.

        Raises:
            NotUpError: One is missing.
        """
        try:
            return cls(
                api=values["PHOTO_API_URL"],
                stream=values["PHOTO_STREAM_URL"],
                airflow=values["AIRFLOW_URL"],
                airflow_user=values["AIRFLOW_USER"],
                airflow_password=values["AIRFLOW_PASSWORD"],
                kafka=values["KAFKA_BOOTSTRAP_SERVERS"],
                webhdfs=values["WEBHDFS_URL"],
                hdfs_user=values["HADOOP_USER_NAME"],
                database=values["PHOTO_DATABASE_URL"],
                elasticsearch=values["ELASTICSEARCH_URL"],
                elasticsearch_user=values["ELASTICSEARCH_USER"],
                elasticsearch_password=values["ELASTICSEARCH_PASSWORD"],
                ca_file=values.get("PHOTO_CA_FILE", ""),
                kafka_client=json.loads(values.get("KAFKA_CLIENT_CONFIG") or "{}"),
            )
        except KeyError as error:
            raise NotUpError(f"the stack's addresses lack {error.args[0]}") from error


def read_places(path: Path) -> Places:
    """Read ``endpoints.env``.

    Raises:
        NotUpError: There is no such file, or it is incomplete.
    """
    try:
        lines = path.read_text().splitlines()
    except OSError as error:
        raise NotUpError(f"{path} cannot be read") from error
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return Places.of({key: "".join(shlex.split(value)) for key, _, value in pairs})
