"""The reconciliation on real servers: planted damage is found by the next run, named, and repaired where it can be."""

from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from tests.support.images import encoded, scene
from tests.support.pipeline import Pipeline
from tests.support.reconciliation import EVERY_DAY, Reconciled, photo

from local_stack import Stack
from photo_pipeline.domain.errors import ReconciliationFindingsError
from photo_pipeline.domain.events import OutboundRecord
from photo_pipeline.domain.imaging import SniffedFormat
from photo_pipeline.domain.reconciliation import Status

DAYS = timedelta(days=1)
HOURS = timedelta(hours=1)


@pytest.fixture
def topic(world: Reconciled) -> str:
    """The topic of uploads."""
    return world.pipeline.settings.topics.uploaded


class TestHealthy:
    """Where all is well."""

    def test_nothing_is_found(self, world: Reconciled, topic: str) -> None:
        """Processed, duplicate and rejected records, archived and synced: every check is ok, and so is the verdict."""
        data = photo(1)
        world.pipeline.produce(OutboundRecord(topic, None, b"noise", []))
        world.ingest(data, data, photo(2))
        results = world.run(search_days=EVERY_DAY)
        assert {name: (result.status, result.findings) for name, result in results.items()} == dict.fromkeys(
            results, (Status.OK, ())
        )
        assert world.verdict().checks == len(results) == 11
        assert results["archive_members"].figures["members"] == 6
        assert results["search_documents"].figures["rows"] == 4

    def test_nothing_is_found_before_anything_happened(self, world: Reconciled) -> None:
        """An installation without a single photo is well."""
        world.run()
        assert world.verdict().repaired == 0

    def test_unpublished_and_unsynced_is_no_finding(self, world: Reconciled) -> None:
        """What is on its way to the outgoing topics and to the index has an hour to get there."""
        world.ingest(photo(1))
        world.pipeline.send(world.pipeline.sign_up(), photo(2), photo(3))
        world.pipeline.ingest()
        assert world.findings() == []

    def test_files_under_way_are_counted(self, world: Reconciled) -> None:
        """A worker's file before its commit is nobody's, and no finding."""
        world.ingest(photo(1))
        world.rewrite(f"{world.shard()}.other", b"x" * 10)
        result = world.run("archive")["archive_shards"]
        assert result.status is Status.OK
        assert (result.figures["unnamed_files"], result.figures["unnamed_bytes"]) == (1, 10)


class TestArchive:
    """Damage on HDFS."""

    def test_missing_shard(self, world: Reconciled) -> None:
        """A shard that is gone is named by its path, and the verdict says so."""
        world.ingest(photo(1))
        path = world.shard()
        world.pipeline.webhdfs.delete(path)
        found = world.findings("archive")
        assert [(name, each.subject, each.problem) for name, each in found] == [
            ("archive_shards", path, "the file is missing")
        ]
        with pytest.raises(ReconciliationFindingsError, match=f"archive_shards: {path}: the file is missing"):
            world.verdict()

    def test_truncated_shard(self, world: Reconciled) -> None:
        """A shard that is too short is named with both lengths, and its members that are cut off with theirs."""
        world.ingest(photo(1))
        path = world.shard()
        content = world.pipeline.read_file(path)
        ((thumb,),) = world.pipeline.rows("SELECT \"offset\" FROM rendition WHERE kind = 'thumb'")
        world.rewrite(path, content[: int(str(thumb)) + 10])
        found = world.findings("archive", "checksums")
        ((_, shard),) = [each for each in found if each[0] == "archive_shards"]
        assert shard.problem == f"has {int(str(thumb)) + 10} bytes instead of {len(content)}"
        members = [each.subject for name, each in found if name == "archive_members"]
        assert len(members) == 1
        assert members[0].endswith(".thumb")

    @pytest.mark.parametrize(("kind", "problem"), [("original", "CRC-32"), ("web", "CRC-32"), ("thumb", "CRC-32")])
    def test_flipped_byte(self, world: Reconciled, kind: str, problem: str) -> None:
        """One wrong bit in any member is found, and the member named."""
        world.ingest(photo(1), photo(2))
        path = world.shard()
        ((photo_id, offset),) = world.pipeline.rows(
            'SELECT photo_id, "offset" FROM rendition WHERE kind = :kind ORDER BY "offset" DESC LIMIT 1', kind=kind
        )
        content = bytearray(world.pipeline.read_file(path))
        content[int(str(offset)) + 20] ^= 1
        world.rewrite(path, bytes(content))
        ((name, finding),) = world.findings()
        assert (name, finding.subject) == ("archive_members", f"{path} {photo_id}.{kind}")
        assert problem in finding.problem

    def test_original_that_is_not_the_customers(self, world: Reconciled) -> None:
        """An original whose CRC-32 fits is still held against the sha256 under which it was accepted."""
        world.ingest(photo(1))
        world.pipeline.execute("UPDATE photo SET sha256 = repeat('0', 64)")
        ((name, finding),) = world.findings("checksums")
        assert (name, finding.problem) == ("archive_members", "its sha256 is not the customer's")

    def test_damaged_block(self, world: Reconciled, test_stack: Stack) -> None:
        """A bit that flips on a DataNode's disk, where HDFS itself refuses to read, is a finding and no outage."""
        world.ingest(photo(1))
        path = world.shard()
        _flip_on_disk(world.pipeline, path, test_stack.settings.home)
        found = world.findings("archive", "checksums")
        assert found
        assert {name for name, _ in found} == {"archive_members"}
        assert all(each.subject.startswith(path) and "cannot be read" in each.problem for _, each in found)

    def test_every_member_has_its_turn(self, world: Reconciled) -> None:
        """A sample goes on where the last one stopped and begins again after the last member."""
        world.ingest(photo(1), photo(2))
        path = world.shard()
        content = bytearray(world.pipeline.read_file(path))
        rows = world.pipeline.rows('SELECT "offset", photo_id, kind FROM rendition ORDER BY "offset"')
        for offset, _, _ in rows:
            content[int(str(offset)) + 20] ^= 1
        world.rewrite(path, bytes(content))
        found = [[each.subject for _, each in world.findings("checksums", sample_members=4)] for _ in range(3)]
        names = [f"{path} {photo_id}.{kind}" for _, photo_id, kind in rows]
        assert found == [names[:4], names[4:] + names[:2], names[2:]]

    def test_removed_but_there(self, world: Reconciled) -> None:
        """A file whose removal is on record must not be there."""
        world.ingest(photo(1))
        world.pipeline.execute("DELETE FROM rendition")
        world.pipeline.execute("UPDATE photo SET status = 'expired', shard_id = NULL, expired_at = now()")
        world.pipeline.execute("UPDATE shard SET state = 'removed', removed_at = now()")
        ((_, finding),) = world.findings("archive", "ledger", "checksums")
        assert (finding.subject, finding.problem) == (
            world.shard(),
            "the ledger says that it was removed, but it is there",
        )

    def test_shard_that_outlives_its_time(self, world: Reconciled) -> None:
        """168 hours and two more: then somebody has to look at retention."""
        world.ingest(photo(1))
        assert world.findings("archive", later=169 * HOURS) == []
        ((_, finding),) = world.findings("archive", later=171 * HOURS)
        assert finding.subject == world.shard()
        assert "is 171 hours old" in finding.problem


class TestLedger:
    """Damage in PostgreSQL."""

    def test_hole(self, world: Reconciled, topic: str) -> None:
        """Records that are gone from the middle of a slice are named by their offsets."""
        world.ingest(*(photo(seed) for seed in range(5)))
        world.pipeline.execute('DELETE FROM outbox WHERE "offset" IN (1, 2)')
        world.pipeline.execute('DELETE FROM ingest_record WHERE "offset" IN (1, 2)')
        ((name, finding),) = world.findings("ledger")
        assert (name, finding.subject) == ("ledger_contiguity", f"{topic}-0 [0, 5)")
        assert finding.problem == "2 of 5 offsets have no record; without record: [1, 3)"

    def test_slice_that_is_gone(self, world: Reconciled, topic: str) -> None:
        """A slice that is gone with its records leaves neighbours that do not join."""
        for seed in range(3):
            world.ingest(photo(seed))
        world.pipeline.execute('DELETE FROM outbox WHERE "offset" = 1')
        world.pipeline.execute('DELETE FROM ingest_record WHERE "offset" = 1')
        world.pipeline.execute("UPDATE shard SET slice_id = NULL")
        world.pipeline.execute('DELETE FROM slice WHERE "start" = 1')
        found = [(each.subject, each.problem) for _, each in world.findings("ledger")]
        assert found == [
            (f"{topic}-0 [0, 1)", "what comes after it starts at 2"),
            (f"{topic}-0 [2, 3)", "what comes before it ends at 1"),
        ]

    def test_progress_that_was_moved(self, world: Reconciled, topic: str) -> None:
        """A next_offset that no slice has brought about is named."""
        world.ingest(photo(1), photo(2))
        world.pipeline.execute("UPDATE partition_progress SET next_offset = 1 WHERE topic = :topic", topic=topic)
        found = world.findings("ledger")
        assert (f"{topic}-0", "its last slice ends at 2, but next_offset is 1") in [
            (each.subject, each.problem) for _, each in found
        ]

    def test_old_slices_have_their_turn(self, world: Reconciled) -> None:
        """A run looks at so many of what is older, the next one goes on from there, and begins anew at the end."""
        for number in range(3):
            world.ingest(photo(number))
        assert world.findings("ledger", sample_slices=1) == []
        world.pipeline.execute("DELETE FROM outbox")
        world.pipeline.execute('DELETE FROM ingest_record WHERE "offset" = 1')
        world.pipeline.execute("UPDATE slice SET committed_at = committed_at - interval '1 day'")
        world.pipeline.execute("UPDATE ingest_record SET processed_at = processed_at - interval '1 day'")
        world.pipeline.execute("UPDATE rendition SET shard_id = 1 WHERE shard_id = 3 AND kind = 'web'")
        world.pipeline.execute("UPDATE shard SET committed_at = committed_at - interval '1 day'")
        found = [[name for name, _ in world.findings("ledger", sample_slices=1)] for _ in range(6)]
        # The second slice; the third shard; the end; the first of each, where a rendition lies that is not its own.
        hole, strays = ["ledger_contiguity"], ["ledger_photos"]
        assert found == [hole, strays, [], strays, hole, strays]

    def test_rendition_that_is_gone(self, world: Reconciled) -> None:
        """A photo without its three renditions is named; one of before the fourth, or a small one, lacks nothing."""
        world.ingest(encoded(scene(1280, 960), SniffedFormat.JPEG))
        kinds = [kind for (kind,) in world.pipeline.rows('SELECT kind FROM rendition ORDER BY "offset"')]
        assert kinds == ["original", "web", "thumb", "thumb2x"]
        assert world.findings("ledger") == world.findings("archive") == []
        world.pipeline.execute("DELETE FROM rendition WHERE kind = 'thumb2x'")
        assert world.findings("ledger") == world.findings("archive") == []
        world.pipeline.execute("DELETE FROM rendition WHERE kind = 'web'")
        ((photo_id,),) = world.pipeline.rows("SELECT photo_id FROM photo")
        ((name, finding),) = world.findings("ledger")
        assert (name, finding.subject) == ("ledger_photos", f"photo {photo_id}")
        assert finding.problem == "has 2 of 3 renditions in its shard"

    def test_expired_photo_that_still_has_renditions(self, world: Reconciled) -> None:
        """Renditions of an expired photo are named."""
        world.ingest(photo(1))
        world.pipeline.execute("UPDATE photo SET status = 'expired', shard_id = NULL, expired_at = now()")
        world.pipeline.execute("DELETE FROM rendition WHERE kind <> 'thumb'")
        ((_, finding),) = world.findings("ledger")
        assert finding.problem == "expired, but its thumb is said to be in a shard that is not its own"

    def test_slice_that_nobody_works_on(self, world: Reconciled, topic: str) -> None:
        """A planned slice whose lease has been over for an hour is named."""
        world.pipeline.send(world.pipeline.sign_up(), photo(1))
        world.pipeline.plan()
        assert world.findings("ledger") == []
        ((name, finding),) = world.findings("ledger", later=2 * HOURS)
        assert (name, finding.subject) == ("ledger_open_slices", f"{topic}-0 [0, 1)")

    def test_outbox_that_waits(self, world: Reconciled) -> None:
        """Entries that nobody publishes for an hour are counted by kind."""
        world.pipeline.send(world.pipeline.sign_up(), photo(1), photo(2))
        world.pipeline.ingest()
        ((name, finding),) = world.findings("ledger", later=2 * HOURS)
        assert (name, finding.subject) == ("ledger_outbox", "outbox processed")
        assert finding.detail["entries"] == 2

    def test_outbox_entries_that_lack_are_written_again(self, world: Reconciled, topic: str) -> None:
        """A dead letter and a processed photo that nobody was told of are told after all, once."""
        world.pipeline.produce(OutboundRecord(topic, b"key", b"noise", []))
        world.ingest(photo(1))
        world.pipeline.execute("DELETE FROM outbox")
        assert [(each.subject, each.status) for _, each in world.repairs("ledger")] == [
            (f"{topic}-0-0", Status.REPAIRED),
            (f"{topic}-0-1", Status.REPAIRED),
        ]
        published = world.pipeline.publish()
        assert (published.processed, published.dead_letters) == (1, 1)
        assert world.repairs("ledger") == []


class TestKafka:
    """What happens behind the platform's back in Kafka."""

    def test_settings_that_were_changed(self, world: Reconciled, topic: str) -> None:
        """Each changed setting is named with both values; platform_setup's work then ends it."""
        world.set_topic(topic, "retention.ms", "3600000")
        world.set_topic(topic, "message.timestamp.type", "CreateTime")
        world.set_topic(world.pipeline.settings.topics.rejected, "cleanup.policy", "compact")
        found = world.findings("kafka")
        assert sorted((each.subject, each.detail["setting"], each.detail["found"]) for _, each in found) == sorted(
            [
                (topic, "retention.ms", "3600000"),
                (topic, "message.timestamp.type", "CreateTime"),
                (world.pipeline.settings.topics.rejected, "cleanup.policy", "compact"),
            ]
        )

    def test_missing_topic(self, world: Reconciled, topic: str) -> None:
        """A topic that was deleted is named, and so is what the ledger knows of it."""
        world.ingest(photo(1))
        world.delete_topic(topic)
        found = {(name, each.subject) for name, each in world.findings("kafka")}
        assert found == {("kafka_topics", topic), ("kafka_offsets", f"{topic}-0")}
        world.make_topics()

    def test_topic_that_was_made_anew(self, world: Reconciled, topic: str) -> None:
        """A ledger that is ahead of Kafka would skip what comes next: it is named with both ends."""
        world.ingest(photo(1), photo(2))
        world.delete_topic(topic)
        world.make_topics()
        ((name, finding),) = world.findings("kafka")
        assert (name, finding.subject) == ("kafka_offsets", f"{topic}-0")
        assert (finding.detail["next_offset"], finding.detail["high"]) == (2, 0)

    def test_records_deleted_unread(self, world: Reconciled, topic: str) -> None:
        """What Kafka deleted is a finding before the ingest comes across it, and for a day after."""
        customer = world.ingest(photo(1))
        world.pipeline.send(customer, photo(2), photo(3), photo(4))
        world.delete_records(topic, 3)
        ((name, finding),) = world.findings("kafka")
        assert name == "kafka_offsets"
        assert finding.problem == "Kafka has deleted [1, 3), which was never read"
        world.pipeline.ingest()
        world.pipeline.ingest()
        world.pipeline.publish()
        ((name, finding),) = world.findings("kafka", "ledger")
        assert (name, finding.subject) == ("ledger_losses", f"{topic}-0 [1, 3)")
        assert finding.problem == "2 records were deleted by Kafka before they were read"
        assert world.findings("ledger", later=25 * HOURS) == []

    def test_lag_of_more_than_five_days(self, world: Reconciled, topic: str) -> None:
        """The oldest waiting record is named once it has used up five of the seven days that Kafka keeps it."""
        customer = world.ingest(photo(1))
        world.pipeline.send(customer, photo(2))
        assert world.findings("kafka", later=4.9 * DAYS) == []
        ((name, finding),) = world.findings("kafka", later=5.1 * DAYS)
        assert (name, finding.subject) == ("kafka_lag", f"{topic}-0")
        assert (finding.detail["offset"], finding.detail["waiting"]) == (1, 1)
        assert "122 hours" in finding.problem


class TestSearch:
    """Damage in Elasticsearch."""

    def test_missing_documents_are_indexed(self, world: Reconciled, topic: str) -> None:
        """Documents that are gone come back as they were."""
        world.ingest(*(photo(seed) for seed in range(4)))
        before = world.search.stored()
        _, index, _ = world.document(0)
        for name in list(before)[:2]:
            world.search.admin.delete(index=index, id=name, version=1, version_type="external_gte")
        found = world.repairs("search")
        assert {each.subject for _, each in found} == {f"document {name}" for name in list(before)[:2]}
        assert {each.detail["fault"] for _, each in found} == {"missing"}
        assert world.search.stored() == before
        assert world.repairs("search") == []

    def test_surplus_documents_are_deleted(self, world: Reconciled, topic: str) -> None:
        """Documents of no row go: of a known day, of a day to come, and without any day."""
        world.ingest(photo(1))
        before = world.search.stored()
        _, index, body = world.document(0)
        world.store(f"{topic}-0-77", index, {**body, "offset": 77})
        world.store(f"{topic}-0-78", index, {**body, "offset": 78, "uploaded_at": "2999-01-01T00:00:00Z"})
        world.store("by hand", index, {"outcome": "processed"})
        found = world.repairs("search")
        assert {each.subject for _, each in found} == {
            f"document {topic}-0-77",
            f"document {topic}-0-78",
            "document by hand",
        }
        assert world.search.stored() == before

    def test_stale_document_is_indexed(self, world: Reconciled) -> None:
        """A document that the sync passed over, as a defect in it would, is brought up to date."""
        world.ingest(photo(1))
        world.pipeline.execute("UPDATE photo SET camera = 'Acme One'")
        world.pipeline.execute("UPDATE bi_sync_state SET watermark = pg_current_xact_id()")
        ((_, finding),) = world.repairs("search")
        assert (finding.detail["fault"], finding.detail["version"], finding.detail["found_version"]) == ("stale", 2, 1)
        assert world.document(0)[2]["camera"] == "Acme One"

    def test_document_that_was_altered_is_indexed(self, world: Reconciled) -> None:
        """The same version with another content is put right."""
        world.ingest(photo(1))
        name, index, body = world.document(0)
        world.store(name, index, {**body, "bytes": 1, "customer_name": "Somebody Else"})
        ((_, finding),) = world.repairs("search")
        assert (finding.subject, finding.detail["fault"]) == (f"document {name}", "altered")
        assert world.document(0)[2] == body

    def test_a_name_on_its_way_to_the_documents_is_no_finding(self, world: Reconciled) -> None:
        """The same version with another name is the next sync's to put right."""
        world.ingest(photo(1))
        world.pipeline.execute("UPDATE customer SET display_name = 'Renamed'")
        assert world.repairs("search") == []
        world.sync()
        assert world.document(0)[2]["customer_name"] == "Renamed"

    def test_document_ahead_of_its_row_is_deleted(self, world: Reconciled) -> None:
        """A version that the row never had would keep all later ones out: it goes, and comes back with a later run."""
        world.ingest(photo(1))
        name, index, body = world.document(0)
        world.store(name, index, {**body, "bytes": 1}, version=99)
        ((_, finding),) = world.repairs("search")
        assert (finding.detail["fault"], finding.detail["found_version"]) == ("ahead", 99)
        assert world.search.stored() == {}

    def test_document_in_two_months_is_one_again(self, world: Reconciled) -> None:
        """A copy in another month's index would be counted twice."""
        world.ingest(photo(1))
        name, _, body = world.document(0)
        world.store(name, f"{world.search.alias}-1999.01", body)
        world.search.admin.indices.put_alias(index=f"{world.search.alias}-1999.01", name=world.search.alias)
        ((_, finding),) = world.repairs("search")
        assert finding.detail["index"] == f"{world.search.alias}-1999.01"
        assert world.document(0)[2] == body

    def test_sums_lead_to_the_documents(self, world: Reconciled) -> None:
        """Also between its turns, a day whose sums differ is compared document by document."""
        world.ingest(photo(1))
        world.run("search", rotation=1000)
        name, index, _ = world.document(0)
        world.search.admin.delete(index=index, id=name, version=1, version_type="external_gte")
        result = world.run("search", rotation=1000)["search_documents"]
        assert (result.repaired, result.figures["scopes"]) == (1, 1)

    def test_too_many_surplus_documents_are_left_alone(self, world: Reconciled, topic: str) -> None:
        """After a restore from a backup, the index knows what the ledger lacks: it is not destroyed."""
        world.ingest(photo(1))
        _, index, body = world.document(0)
        for offset in (7, 8, 9):
            world.store(f"{topic}-0-{offset}", index, {**body, "offset": offset})
        ((_, finding),) = world.findings("search", max_deletions=2)
        assert finding.problem.startswith("3 documents are of no row")
        assert len(world.search.stored()) == 4

    def test_sync_that_stands_still(self, world: Reconciled) -> None:
        """A sync that has not come to an end for an hour is named."""
        world.ingest(photo(1))
        ((_, finding),) = world.findings("search", later=2 * HOURS)
        assert finding.subject == "photo_bi_sync"


class TestResults:
    """What is kept of a run."""

    def test_run_again_replaces_its_results(self, world: Reconciled) -> None:
        """A retried task leaves one result per check, and the run keeps its turn."""
        world.ingest(photo(1))
        world.pipeline.webhdfs.delete(world.shard())
        for _ in range(2):
            world.run("archive", run_id="same")
        assert world.pipeline.rows(
            "SELECT check_name, status, count(*) FROM reconciliation GROUP BY 1, 2 ORDER BY 1"
        ) == [
            ("archive_shards", "finding", 2),
            ("run", "ok", 1),
        ]

    def test_unfinished_checks_are_named(self, world: Reconciled) -> None:
        """A run in which a server was away is no good run, whatever the other checks say."""
        world.run("kafka", "ledger", "archive", "checksums")
        with pytest.raises(ReconciliationFindingsError, match="unfinished checks: search_documents"):
            world.verdict()

    def test_old_results_are_forgotten(self, world: Reconciled) -> None:
        """The table does not grow for ever."""
        world.run("kafka")
        with world.ports(91 * DAYS) as ports:
            assert ports.log.forget(ports.clock.now() - 90 * DAYS) == 4

    def test_findings_beyond_the_limit_are_counted(self, world: Reconciled) -> None:
        """A disaster is told in full numbers with the first names."""
        for seed in range(3):
            world.ingest(photo(seed))
        for path in world.pipeline.files():
            world.pipeline.webhdfs.delete(path)
        result = world.run("archive", named=2)["archive_shards"]
        assert (result.found, len(result.findings)) == (3, 2)
        with pytest.raises(ReconciliationFindingsError, match="and 1 more"):
            world.verdict()


def _flip_on_disk(pipeline: Pipeline, path: str, home: Path) -> None:
    """Flip a bit of the file's only block where the DataNode keeps it."""
    query = {"op": "GET_BLOCK_LOCATIONS", "user.name": pipeline.hdfs_user}
    answer = httpx.get(f"{pipeline.webhdfs_url}/webhdfs/v1{path}", params=query).json()
    (located,) = answer["LocatedBlocks"]["locatedBlocks"]
    files = list(home.rglob(f"blk_{located['block']['blockId']}"))
    assert files
    for file in files:
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
