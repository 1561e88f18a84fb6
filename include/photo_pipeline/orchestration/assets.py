"""The assets that draw the flow in Airflow's asset graph: Kafka → HDFS + PostgreSQL → Elasticsearch.

Their URIs are names, not addresses: addresses come from connections and differ between installations.
"""

from airflow.sdk import Asset

INCOMING_URIS = ("kafka://photos/photos.uploaded", "kafka://photos/photos.streamed")

ARCHIVE = Asset(name="photo_archive", uri="hdfs://photos/photos/archive", group="photos")
LEDGER = Asset(name="photo_ledger", uri="postgres://photos:5432/photos/public/ingest_record", group="photos")
PROCESSED = Asset(name="photos_processed", uri="kafka://photos/photos.processed", group="photos")
REJECTED = Asset(name="photos_rejected", uri="kafka://photos/photos.rejected", group="photos")
SEARCH = Asset(name="photo_search", uri="x-elasticsearch://photos/photos", group="photos")
RECONCILIATION = Asset(
    name="photo_reconciliation", uri="postgres://photos:5432/photos/public/reconciliation", group="photos"
)
NOTICES = Asset(name="photo_notices", uri="postgres://photos:5432/photos/public/notice", group="photos")
HOLDS = Asset(name="photo_holds", uri="postgres://photos:5432/photos/public/hold", group="photos")
PERMITS = Asset(name="photo_removal_permits", uri="postgres://photos:5432/photos/public/removal_permit", group="photos")
