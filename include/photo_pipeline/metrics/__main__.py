"""``python -m photo_pipeline.metrics``: serves ``/metrics`` and asks the servers every few seconds."""

import logging
import signal
import sys
import threading

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, start_http_server
from pydantic import ValidationError

from photo_pipeline.composition.metrics import metrics_ports
from photo_pipeline.metrics.refresh import Refresher
from photo_pipeline.settings import DatabaseSettings, KafkaSettings, MetricsSettings, TopicNames

BAD_SETTINGS = 2


def serve(refresher: Refresher, settings: MetricsSettings, stop: threading.Event) -> None:
    """Serve until told to stop. The first answers come before the first figures: an empty page is not an error."""
    server, thread = start_http_server(settings.port, settings.host, refresher.registry)
    try:
        while not stop.is_set():
            refresher.refresh()
            stop.wait(settings.refresh_seconds)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def main() -> int:
    """Run until SIGTERM; 2 and one line where a setting is missing or cannot be meant."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        settings = MetricsSettings()
        ports = metrics_ports(settings, KafkaSettings(), DatabaseSettings(), TopicNames())  # type: ignore[call-arg] # from the environment
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        prefix = {"KafkaSettings": "PHOTO_KAFKA_", "DatabaseSettings": "PHOTO_DATABASE_"}.get(error.title, "")
        sys.stderr.write(f"set {prefix or 'PHOTO_METRICS_'}{name}: {first['msg']}\n")
        return BAD_SETTINGS
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    serve(Refresher(ports, registry), settings, stop)
    return 0


if __name__ == "__main__":
    sys.exit(main())
