"""Prometheus metrics, in a registry of the application's own."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector

from photo_pipeline.domain.lanes import Lane
from photo_pipeline.web.processes import shares_metrics

_LATENCY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class AcceptanceMetrics:
    """What becomes of photos on their way in."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._accepted = Counter("photos_accepted", "Photos that Kafka acknowledged", registry=registry)
        self._bytes = Counter("photo_bytes_accepted", "Bytes of those photos", registry=registry)
        lanes = "Those of which it was said which lane they wait in"
        self._lanes = Counter("photos_accepted_by_lane", lanes, ["lane"], registry=registry)
        self._refused = Counter("photos_refused", "Photos not accepted, by reason", ["reason"], registry=registry)
        self.acknowledgement = Histogram(
            "kafka_acknowledgement_seconds",
            "From handing a photo to the producer to its delivery report",
            buckets=_LATENCY_BUCKETS,
            registry=registry,
        )

    def accepted(self, size: int, lane: Lane | None = None) -> None:
        """Count one accepted photo of ``size`` bytes."""
        self._accepted.inc()
        self._bytes.inc(size)
        if lane is not None:
            self._lanes.labels(lane.value).inc()

    def refused(self, reason: str) -> None:
        """Count one refused photo."""
        self._refused.labels(reason).inc()


class RequestMetrics:
    """What becomes of requests. ``route`` is the path's template, so that ids make no new series."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            "http_request_seconds",
            "From the request's first byte to the response's last",
            ["method", "route", "status"],
            buckets=_LATENCY_BUCKETS,
            registry=registry,
        )
        self._series: dict[tuple[str, str, int], Histogram] = {}

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        series = self._series.get((method, route, status))
        if series is None:
            series = self._series[method, route, status] = self._seconds.labels(method, route, status)
        series.observe(seconds)


def bytes_in_flight(registry: CollectorRegistry) -> Callable[[int], None]:
    """What shows how much of the budget of bytes in flight is used: of all processes that share their metrics."""
    held = "Bytes of photos held at the moment"
    return Gauge("photo_bytes_in_flight", held, registry=registry, multiprocess_mode="livesum").set


def exposition(registry: CollectorRegistry) -> tuple[bytes, str]:
    """The metrics in Prometheus's text format, and its media type: of all processes that share them."""
    if shares_metrics():
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call] # it has no types
    return generate_latest(registry), CONTENT_TYPE_LATEST
