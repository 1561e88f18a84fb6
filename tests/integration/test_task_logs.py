"""What tasks write into their logs: one line that programs can parse, and nothing that is nobody's business."""

import re

from sqlalchemy import make_url
from tests.support.dag_runs import DagRuns
from tests.support.images import encoded, scene
from tests.support.pipeline import Pipeline

from photo_pipeline.domain.events import OutboundRecord
from photo_pipeline.domain.imaging import SniffedFormat

MARK = b"this-is-what-somebody-photographed"


def test_each_task_says_its_slice_offsets_and_counts_in_one_line(pipeline: Pipeline, dags: DagRuns) -> None:
    """A photo and a record that is none: planned, committed, published and added up; no content, no password."""
    topic = pipeline.settings.topics.uploaded
    photo = encoded(scene(64, 48, 1), SniffedFormat.JPEG)
    pipeline.send(pipeline.sign_up(), photo[:-2] + MARK + photo[-2:])
    pipeline.produce(OutboundRecord(topic, b"key", MARK, []))
    run = dags.run("photo_ingest")
    assert run.succeeded, run.log[-5000:]
    counts = "processed=1 duplicate=0 rejected=1 absent=0"
    for line in (
        rf'planned slices=1 records=2 ranges="?{topic}-0\[0,2\)',
        rf"committed .*topic={topic} partition=0 start=0 end=2 attempt=1 records=2 photos=1 bytes=\d+ {counts} shard=",
        "published processed=1 dead_letters=1 skipped=0",  # by the slice's task, as soon as it has committed
        "published processed=0 dead_letters=0 skipped=0",  # by the run's last one, which finds nothing left
        f"micro-batch slices=1 {counts}",
    ):
        assert len(re.findall(line, run.log)) == 1, (line, run.log[-5000:])
    assert MARK.decode() not in run.log
    settings = (pipeline.database.pipeline, pipeline.database.owner, pipeline.database.bi)
    passwords = [make_url(each.url.get_secret_value()).password for each in settings]
    passwords.append(dags.search.sync_settings.password.get_secret_value())
    assert not [secret for secret in passwords if secret and secret in run.log]
