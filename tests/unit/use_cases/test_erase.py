"""Erasing: the photo goes, no other does, whenever it is killed; and nothing is proven that is not so."""

from collections.abc import Mapping
from itertools import count
from uuid import UUID

import pytest
from tests.support.memory_erasure import ERASED_AT, Erasing
from tests.support.retention import ROOT, Attempt, Disturbance, Disturbed, Killed, kill, write_shard

from photo_pipeline.domain.erasure import EraseRequest, ShardProgress, Subject, digest_of, parse_erase_request
from photo_pipeline.domain.errors import (
    ArchiveMemberError,
    ErasureUnfinishedError,
    InvalidEraseRequestError,
    RewriteSupersededError,
)
from photo_pipeline.use_cases.erase import begin_erasure, prove_erasure, rewrite_shards

CUSTOMER = UUID(int=1)
WHO = {"reason": "case 7", "by": "counsel"}


def request_for(photo_id: UUID) -> EraseRequest:
    """What an operator asks."""
    return EraseRequest("run", Subject.PHOTO, photo_id, "case 7", "counsel")


def erase(erasing: Erasing, photo_id: UUID) -> str:
    """All steps, as a run takes them."""
    ports = erasing.rewrite_ports()
    erasure_id = begin_erasure(request_for(photo_id), ports.ledger, lambda: "salt")
    rewrite_shards(erasure_id, ports)
    return prove_erasure(erasure_id, 1, erasing.proof_ports())


def assert_only_gone(erasing: Erasing, photo_id: UUID, others: Mapping[UUID, bytes]) -> None:
    """No file has a member of the photo, no file is too many, and every other photo is served as it was sent."""
    files = erasing.platform.archive.files
    assert not [path for path, data in files.items() if str(photo_id).encode() in data]
    live = {row.path for row in erasing.platform.ledger.shards.values() if row.state == "live"}
    assert live <= set(files)
    for other, content in others.items():
        assert erasing.platform.original(other) == content


class TestRequest:
    """What the form may say."""

    def test_a_photo_or_a_customer(self) -> None:
        """Blanks are nobody's meaning."""
        photo = parse_erase_request("run", {"photo_id": f" {CUSTOMER} ", "customer_id": "", **WHO})
        assert photo == EraseRequest("run", Subject.PHOTO, CUSTOMER, "case 7", "counsel")
        assert parse_erase_request("run", {"customer_id": str(CUSTOMER), **WHO}).subject is Subject.CUSTOMER

    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({}, "fill in photo_id for one photo, or customer_id"),
            ({"photo_id": str(CUSTOMER), "customer_id": str(CUSTOMER)}, "and not both"),
            ({"photo_id": "holiday.jpg"}, "photo_id must be an id"),
            ({"photo_id": str(CUSTOMER), "reason": " "}, "reason must say why"),
            ({"photo_id": str(CUSTOMER), "by": ""}, "by must say who"),
        ],
    )
    def test_what_cannot_be_meant(self, fields: dict[str, str], words: str) -> None:
        """One line names the field."""
        with pytest.raises(InvalidEraseRequestError, match=words):
            parse_erase_request("run", {**WHO, **fields})

    def test_who_has_the_id_can_tell(self) -> None:
        """The digest says of an id whether it is the one; with another salt it is another."""
        assert digest_of("salt", CUSTOMER) == digest_of("salt", UUID(int=1)) != digest_of("pepper", CUSTOMER)


class TestErase:
    """One photo among others."""

    def test_its_bytes_go_and_others_stay(self) -> None:
        """The shard is a new file in the same folder; the proof says so, and until when Kafka has it."""
        erasing = Erasing()
        first, gone, last = erasing.platform.ingest(CUSTOMER, b"first", b"to go", b"last")
        (old,) = erasing.platform.archive.files
        erase(erasing, gone)
        ((path, _),) = erasing.platform.archive.files.items()
        assert path == f"{old.rpartition('/')[0]}/erased~1~1~{old.rpartition('/')[2]}"
        assert_only_gone(erasing, gone, {first: b"first", last: b"last"})
        (claims,) = erasing.signer.signed
        assert claims["subject"] == {"kind": "photo", "salt": "salt", "sha256": "d" * 64}
        assert (claims["erased"]["shards_rewritten"], claims["erased"]["shards_removed"]) == (1, 0)
        assert claims["kafka"]["gone_by"] == "2026-01-09T06:00:00Z"
        assert claims["kafka"]["had"] == [{"topic": "photos.uploaded", "records": 1, "gone_by": "2026-01-08T06:00:00Z"}]
        assert str(gone) not in str(claims)

    def test_a_shard_of_nothing_else_is_removed(self) -> None:
        """No empty file is left, and the row says that it is gone."""
        erasing = Erasing()
        (gone,) = erasing.platform.ingest(CUSTOMER, b"to go")
        erase(erasing, gone)
        assert erasing.platform.archive.files == {}
        assert [row.state for row in erasing.platform.ledger.shards.values()] == ["removed"]

    def test_a_second_erasure_in_the_same_shard(self) -> None:
        """The name does not grow; the attempts do."""
        erasing = Erasing()
        first, second, last = erasing.platform.ingest(CUSTOMER, b"1", b"2", b"3")
        erase(erasing, first)
        erasing.erasures.request = erasing.erasures.proof = None
        erase(erasing, second)
        ((path, _),) = erasing.platform.archive.files.items()
        assert "/erased~1~2~photos.uploaded" in path
        assert_only_gone(erasing, second, {last: b"3"})

    def test_a_shard_that_has_none_of_it_stays(self) -> None:
        """Plans are careful: a file in which nothing is found is not replaced, and never removed."""
        erasing = Erasing()
        (gone,), (other,) = (erasing.platform.ingest(CUSTOMER, data) for data in (b"to go", b"other"))
        begin_erasure(request_for(gone), erasing.erasures, lambda: "salt")
        erasing.erasures.plan_shard(2)
        summary = rewrite_shards(1, erasing.rewrite_ports())
        assert (summary.retired, summary.untouched) == (1, 1)
        assert erasing.platform.original(other) == b"other"
        assert erasing.erasures.plan[2].progress is ShardProgress.UNTOUCHED
        prove_erasure(1, 1, erasing.proof_ports())
        (claims,) = erasing.signer.signed
        assert (claims["erased"]["shards_rewritten"], claims["erased"]["shards_removed"]) == (0, 1)

    def test_nor_is_it_pulled_away_from_the_retention(self) -> None:
        """Claimed while it is looked into, it still has held photos that nobody has copied yet."""
        erasing = Erasing()
        (held,), (gone,) = (erasing.platform.ingest(CUSTOMER, data) for data in (b"held", b"to go"))
        shard = erasing.platform.ledger.shards[1]
        claimed = Disturbance("ledger.erased", lambda: setattr(shard, "state", "expiring"))
        meanwhile = Erasing(lambda port, name: Disturbed(port, name, claimed))
        meanwhile.platform, meanwhile.erasures = erasing.platform, erasing.erasures
        begin_erasure(request_for(gone), erasing.erasures, lambda: "salt")
        erasing.erasures.plan.clear()
        erasing.erasures.plan_shard(1)
        assert rewrite_shards(1, meanwhile.rewrite_ports()).untouched == 1
        assert b"held" in erasing.platform.archive.files[shard.path]
        assert str(held).encode() in erasing.platform.archive.files[shard.path]

    def test_a_file_that_is_not_what_was_written_is_never_switched_to(self) -> None:
        """The new file is read back before anybody sees it; the old one stays, and so do all photos in it."""
        erasing = Erasing()
        gone, other = erasing.platform.ingest(CUSTOMER, b"to go", b"other")
        archive = erasing.platform.archive

        def rot() -> None:
            (path,) = (path for path in archive.files if "/erased~" in path)
            archive.files[path] = archive.files[path].replace(b"other", b"OTHER")

        disturbance = Disturbance("archive.length", rot)
        spoilt = Erasing(lambda port, name: Disturbed(port, name, disturbance))
        spoilt.platform, spoilt.erasures = erasing.platform, erasing.erasures
        begin_erasure(request_for(gone), erasing.erasures, lambda: "salt")
        with pytest.raises(ArchiveMemberError, match="is not what was written"):
            rewrite_shards(1, spoilt.rewrite_ports())
        assert erasing.platform.original(other) == b"other"
        rewrite_shards(1, erasing.rewrite_ports())
        prove_erasure(1, 1, erasing.proof_ports())
        assert_only_gone(erasing, gone, {other: b"other"})

    def test_an_attempt_that_was_overtaken_switches_nothing(self) -> None:
        """A zombie's file is not the shard's, and the end finds and removes it."""
        erasing = Erasing()
        gone, other = erasing.platform.ingest(CUSTOMER, b"to go", b"other")
        disturbance = Disturbance("ledger.switch", lambda: erasing.erasures.rewriting(1))
        zombie = Erasing(lambda port, name: Disturbed(port, name, disturbance))
        zombie.platform, zombie.erasures = erasing.platform, erasing.erasures
        begin_erasure(request_for(gone), erasing.erasures, lambda: "salt")
        with pytest.raises(RewriteSupersededError):
            rewrite_shards(1, zombie.rewrite_ports())
        rewrite_shards(1, erasing.rewrite_ports())
        assert_only_gone(erasing, gone, {other: b"other"})

    def test_killed_anywhere_it_comes_to_the_same_end(self) -> None:
        """Before every call to ledger and archive: at that moment no other photo is lost, and run again all is done."""
        ends = set()
        for at in count():
            disturbance = Disturbance(at, kill)
            erasing = Erasing(lambda port, name: Disturbed(port, name, disturbance))  # noqa: B023 - used in this turn
            first, gone, last = erasing.platform.ingest(CUSTOMER, b"first", b"to go", b"last")
            (alone,) = erasing.platform.ingest(CUSTOMER, b"alone")
            erasing.erasures.plan_shard(2)
            erasing.platform.ledger.photos.pop(alone)
            erasing.erasures.gone.add(alone)
            others = {first: b"first", last: b"last"}
            try:
                erase(erasing, gone)
            except Killed:
                for other, content in others.items():
                    assert erasing.platform.original(other) == content
                assert erasing.erasures.proof is None
                erase(erasing, gone)
            assert_only_gone(erasing, gone, others)
            # Attempts are counted on, and a file of one that was killed is another's to sweep: it has nothing of it.
            ends.add(tuple(row.state for row in erasing.platform.ledger.shards.values()))
            if len(disturbance.calls) <= at:
                break
        assert ends == {("live", "removed")}
        assert at > 30


class TestProof:
    """Nothing is signed that is not so."""

    @pytest.fixture
    def erasing(self) -> Erasing:
        """An erasure whose shards are done."""
        erasing = Erasing()
        self.gone, self.other = erasing.platform.ingest(CUSTOMER, b"to go", b"other")
        begin_erasure(request_for(self.gone), erasing.erasures, lambda: "salt")
        rewrite_shards(1, erasing.rewrite_ports())
        return erasing

    def test_it_is_signed_once(self, erasing: Erasing) -> None:
        """Asked again the same proof is given."""
        proof = prove_erasure(1, 1, erasing.proof_ports())
        assert prove_erasure(1, 1, erasing.proof_ports()) == proof
        assert len(erasing.signer.signed) == 1

    def test_shards_that_are_left(self, erasing: Erasing) -> None:
        """Not before the last one."""
        erasing.platform.ingest(CUSTOMER, b"another")
        erasing.erasures.plan_shard(2)
        with pytest.raises(ErasureUnfinishedError, match="1 shards are still to be written"):
            prove_erasure(1, 1, erasing.proof_ports())

    def test_slices_that_may_have_read_it(self, erasing: Erasing) -> None:
        """An attempt that began before may still write it to a file."""
        erasing.erasures.running = [7]
        with pytest.raises(ErasureUnfinishedError, match="slice 7 was being processed"):
            prove_erasure(1, 1, erasing.proof_ports())

    def test_what_killed_workers_left_goes(self, erasing: Erasing) -> None:
        """A file of a superseded attempt is removed if it has the photo, and left to the sweep if it has not."""
        platform = erasing.platform
        with_it, without_it = Attempt(platform, CUSTOMER, [b"to go"]), Attempt(platform, CUSTOMER, [b"other"])
        for attempt in (with_it, without_it):
            attempt.supersede()
        prove_erasure(1, 1, erasing.proof_ports())
        assert with_it.path not in platform.archive.files
        assert without_it.path in platform.archive.files
        assert erasing.signer.signed[0]["erased"]["unnamed_files_checked"] == 2

    def test_what_somebody_writes_is_waited_for(self, erasing: Erasing) -> None:
        """Nobody's file is pulled away under their hands."""
        attempt = Attempt(erasing.platform, CUSTOMER, [b"to go"])
        with pytest.raises(ErasureUnfinishedError, match="whoever writes it is not done"):
            prove_erasure(1, 1, erasing.proof_ports())
        assert attempt.path in erasing.platform.archive.files

    def test_a_strangers_file_is_told(self, erasing: Erasing) -> None:
        """What this ledger knows nothing of it does not remove, and does not keep quiet about."""
        path = f"{ROOT}/archive/dt=2026-01-01/copy.tar"
        write_shard(erasing.platform.archive, path, {self.gone: b"to go"})
        with pytest.raises(ErasureUnfinishedError, match="an operator has to remove it"):
            prove_erasure(1, 1, erasing.proof_ports())
        assert path in erasing.platform.archive.files
        assert erasing.erasures.erasure(1).erased_at == ERASED_AT
