"""The assets that draw the flow in Airflow's asset graph: Kafka → HDFS + PostgreSQL → Elasticsearch.

Their URIs are names, not addresses: addresses come from connections and differ between installations. Of a scheme that
begins with ``x-`` Airflow asks nobody for its form; of another, every process that reads a DAG loads all providers that
could know it, boto3 with them: half of what a task's start costs.
"""

from collections.abc import Mapping

from airflow.sdk import Asset, get_current_context
from pydantic import JsonValue

UPLOADED = Asset(name="photos_uploaded", uri="x-kafka://photos/photos.uploaded", group="photos")
STREAMED = Asset(name="photos_streamed", uri="x-kafka://photos/photos.streamed", group="photos")
ARCHIVE = Asset(name="photo_archive", uri="x-hdfs://photos/photos/archive", group="photos")
LEDGER = Asset(name="photo_ledger", uri="x-postgres://photos/photos/public/ingest_record", group="photos")
PROCESSED = Asset(name="photos_processed", uri="x-kafka://photos/photos.processed", group="photos")
REJECTED = Asset(name="photos_rejected", uri="x-kafka://photos/photos.rejected", group="photos")
SEARCH = Asset(name="photo_search", uri="x-elasticsearch://photos/photos", group="photos")
RECONCILIATION = Asset(
    name="photo_reconciliation", uri="x-postgres://photos/photos/public/reconciliation", group="photos"
)
NOTICES = Asset(name="photo_notices", uri="x-postgres://photos/photos/public/notice", group="photos")
HOLDS = Asset(name="photo_holds", uri="x-postgres://photos/photos/public/hold", group="photos")
PERMITS = Asset(name="photo_removal_permits", uri="x-postgres://photos/photos/public/removal_permit", group="photos")

INCOMING = (UPLOADED, STREAMED)


def tell(figures: Mapping[str, JsonValue], *assets: Asset) -> None:
    """Write what a task has changed at the events of these assets, where Airflow's asset view shows it.

    Names are the same everywhere: ``records``, ``photos``, ``documents`` and ``bytes``, and outcomes by their own.
    """
    events = get_current_context()["outlet_events"]
    for asset in assets:
        events[asset].extra = {name: value for name, value in figures.items() if value is not None}
