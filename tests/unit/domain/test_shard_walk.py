"""A shard without some of its photos is what a writer of the others would have written."""

import io
import tarfile
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.memory_archive import MemoryArchive
from tests.support.retention import write_shard

from photo_pipeline.domain.errors import ArchiveMemberError
from photo_pipeline.domain.shard import END_OF_ARCHIVE
from photo_pipeline.domain.shard_walk import members_in, photos_begun_in, without

PATH = "/photos/archive/dt=2026-01-01/t-0-0-1-1.tar"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
IDS = [UUID(int=number) for number in range(6)]


def shard_of(contents: dict[UUID, bytes]) -> tuple[bytes, dict[UUID, list[int]]]:
    """A shard's bytes, and where each photo's members begin."""
    archive = MemoryArchive()
    renditions, _ = write_shard(archive, PATH, contents)
    return archive.files[PATH], {photo_id: [each.offset for each in found] for photo_id, found in renditions.items()}


def read(data: bytes, offset: int, length: int) -> bytes:
    """As the archive reads."""
    found = data[offset : offset + length]
    if len(found) != length:
        raise ArchiveMemberError(PATH, "too short")
    return found


@given(
    st.dictionaries(st.sampled_from(IDS), st.binary(max_size=1500), min_size=1),
    st.sets(st.sampled_from(IDS)),
)
def test_what_is_left_is_a_shard_of_the_others(contents: dict[UUID, bytes], erased: set[UUID]) -> None:
    """Byte for byte, in the same order, with every member where the new places say; its length is known before."""
    data, places = shard_of(contents)
    remainder = without(members_in(lambda at, length: read(data, at, length), PATH), erased)
    left = b"".join(data[begin:end] for begin, end in remainder.runs) + END_OF_ARCHIVE
    kept = {photo_id: content for photo_id, content in contents.items() if photo_id not in erased}
    expected, places_there = shard_of(kept)
    assert left == expected
    assert remainder.length == len(left)
    assert remainder.photos == len(kept)
    for photo_id, offsets in places_there.items():
        assert [remainder.moved[offset] for offset in places[photo_id]] == offsets
    assert tuple(members_in(lambda at, length: read(left, at, length), PATH)) == remainder.members


def test_names_that_are_not_ours_stay() -> None:
    """Who put something else into a shard finds it there; it is no photo's."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        tar.addfile(tarfile.TarInfo("README"))
    data = buffer.getvalue()
    (member,) = members_in(lambda at, length: read(data, at, length), PATH)
    assert member.photo_id is None
    assert without([member], set(IDS)).members == (member,)


@pytest.mark.parametrize("cut", [0, 100, 513, 3000])
def test_a_file_that_is_not_whole_is_no_shard(cut: int) -> None:
    """Whoever would lay it out anew is told; what has begun in it is known all the same."""
    data, _ = shard_of({IDS[0]: b"a" * 600, IDS[1]: b"b" * 600})
    part = data[:cut]
    with pytest.raises(ArchiveMemberError):
        list(members_in(lambda at, length: read(part, at, length), PATH))
    assert photos_begun_in(lambda at, length: read(part, at, length), PATH) == ({IDS[0]} if cut > 512 else set())


def test_noise_is_no_shard() -> None:
    """No header, no members."""
    with pytest.raises(ArchiveMemberError, match="no member begins"):
        list(members_in(lambda at, length: read(b"x" * 2048, at, length), PATH))
