"""The servers that the figures do not come from: do they answer, and has HDFS room?"""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from photo_pipeline.domain.errors import ServerUnavailableError

SECONDS = 5.0
NAMENODE_BEAN = "Hadoop:service=NameNode,name=FSNamesystem"


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes on the DataNodes' disks, and what time it was by the NameNode's clock, to the second, if it said so."""

    capacity: int
    remaining: int
    asked_at: datetime | None = None


def probe_elasticsearch(url: str, trusted: ssl.SSLContext | None = None) -> None:
    """Ask Elasticsearch anything: that it wants a log-in is an answer.

    Args:
        url: without a path.
        trusted: whose certificates to take; the system's authorities' where left out.

    Raises:
        ServerUnavailableError: when it does not answer, or answers that it cannot.
    """
    answer = _get("Elasticsearch", f"{url}/_cluster/health", trusted)
    if answer.is_server_error:
        raise ServerUnavailableError("Elasticsearch", f"HTTP {answer.status_code}")


def room_on_hdfs(urls: Sequence[str]) -> Room:
    """Ask the first NameNode that answers; one in standby knows the room as well.

    Raises:
        ServerUnavailableError: when none answers.
    """
    *others, last = urls
    for url in others:
        try:
            return _room(url)
        except ServerUnavailableError:
            continue
    return _room(last)


def _room(url: str) -> Room:
    """The figures of a NameNode's web server (JMX as JSON; Hadoop's ``JMXJsonServlet``)."""
    answer = _get("HDFS", f"{url}/jmx", None, qry=NAMENODE_BEAN)
    try:
        bean: dict[str, Any] = answer.json()["beans"][0]
        return Room(int(bean["CapacityTotal"]), int(bean["CapacityRemaining"]), _time_of(answer))
    except (ValueError, LookupError, TypeError) as error:
        raise ServerUnavailableError("HDFS", f"HTTP {answer.status_code} without figures") from error


def _time_of(answer: httpx.Response) -> datetime | None:
    """Hadoop's servers send the header twice. HTTP's dates are in UTC (RFC 9110, 5.6.7)."""
    try:
        return parsedate_to_datetime(answer.headers.get_list("Date")[0]).replace(tzinfo=UTC)
    except (LookupError, ValueError):
        return None


def _get(server: str, url: str, trusted: ssl.SSLContext | None, **query: str) -> httpx.Response:
    try:
        return httpx.get(url, params=query, timeout=SECONDS, trust_env=False, verify=trusted or True)
    except httpx.HTTPError as error:
        raise ServerUnavailableError(server, type(error).__name__) from error
