"""The shard format: what ordinary tools make of it."""

import io
import json
import tarfile
import zlib
from datetime import UTC, date, datetime
from uuid import UUID

import pytest
import webdataset
from hypothesis import given, settings
from hypothesis import strategies as st

from photo_pipeline.domain.photo import Log, RenditionKind
from photo_pipeline.domain.shard import Member, ShardWriter, shard_path, staging_path

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
UPLOADED = Log("photos.uploaded", 3)


def members(data: bytes) -> tuple[Member, ...]:
    """An original and a thumbnail."""
    return (
        Member(RenditionKind.ORIGINAL, "png", data, "image/png", 40, 30),
        Member(RenditionKind.THUMB, "jpg", data[:10], "image/jpeg", 4, 3),
    )


@settings(max_examples=50)
@given(st.lists(st.binary(max_size=1500), max_size=5))
def test_tar_reader_and_index_agree(contents: list[bytes]) -> None:
    """Offsets, lengths and checksums say where an ordinary tar reader finds each member; the length is the file's."""
    file = io.BytesIO()
    writer = ShardWriter(lambda data: file.write(data) and None)
    archived = [
        writer.add(UUID(int=number), members(data), {"number": number}, NOON) for number, data in enumerate(contents)
    ]
    assert writer.finish() == len(file.getvalue())
    assert writer.photos == len(contents)
    with tarfile.open(fileobj=io.BytesIO(file.getvalue())) as tar:
        for number, (data, renditions) in enumerate(zip(contents, archived, strict=True)):
            for member, content, rendition in zip(
                ("original.png", "thumb.jpg"), (data, data[:10]), renditions, strict=True
            ):
                found = tar.getmember(f"{UUID(int=number)}.{member}")
                assert (found.offset_data, found.size) == (rendition.offset, rendition.length)
                assert file.getvalue()[rendition.offset :][: rendition.length] == content
                assert rendition.crc32 == zlib.crc32(content)
                assert found.mtime == NOON.timestamp()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # webdataset leaves its file open
def test_webdataset_reads_it(tmp_path: object) -> None:
    """The ``webdataset`` library finds one sample for each photo, with its forms under their extensions."""
    path = f"{tmp_path}/shard.tar"
    with open(path, "wb") as file:  # noqa: PTH123 - the writer takes any file's write
        writer = ShardWriter(lambda data: file.write(data) and None)
        for number in range(3):
            writer.add(UUID(int=number), members(b"photo %d" % number), {"number": number}, NOON)
        writer.finish()
    samples = list(webdataset.WebDataset(path, shardshuffle=False, empty_check=False))
    assert [sample["__key__"] for sample in samples] == [str(UUID(int=number)) for number in range(3)]
    assert samples[1]["original.png"] == b"photo 1"
    assert json.loads(samples[2]["json"]) == {"number": 2}


def test_same_input_same_bytes() -> None:
    """A retry writes the very same file: nothing in it depends on the clock or the machine."""
    files = [io.BytesIO(), io.BytesIO()]
    for file in files:
        writer = ShardWriter(lambda data, file=file: file.write(data) and None)  # type: ignore[misc] # bound per file
        writer.add(UUID(int=1), members(b"photo"), {"b": 1, "a": 2}, NOON)
        writer.finish()
    assert files[0].getvalue() == files[1].getvalue()


def test_names() -> None:
    """A shard's name tells its day, partition, range and attempt."""
    assert staging_path("/photos", UPLOADED, 5, 2) == "/photos/_staging/photos.uploaded-3-5-2.tar"
    expected = "/photos/archive/dt=2026-05-04/photos.uploaded-3-5-9-2.tar"
    assert shard_path("/photos", date(2026, 5, 4), UPLOADED, 5, 9, 2) == expected
