"""The archive on real HDFS: bytes in, ranges out, names that move, and errors that say what is wrong."""

import socket
import threading
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx
import pytest
from hdfs import InsecureClient

from local_stack import Endpoints
from photo_pipeline.adapters.hdfs import WRITE_BYTES, HdfsArchive
from photo_pipeline.adapters.webhdfs import WebHdfsNamespace
from photo_pipeline.domain.errors import ArchiveMemberError, ServerUnavailableError
from photo_pipeline.domain.shard import ArchiveFile
from photo_pipeline.settings import HdfsSettings

PATTERN = bytes(range(256)) * 4096


@pytest.fixture
def settings(stack: Endpoints, monkeypatch: pytest.MonkeyPatch) -> HdfsSettings:
    """A root folder of the test's own."""
    monkeypatch.setenv("HADOOP_USER_NAME", stack.hdfs_user)
    return HdfsSettings(namenode=stack.hdfs_namenode, root=f"/test-{uuid4().hex}")


@pytest.fixture
def archive(settings: HdfsSettings, stack: Endpoints) -> Iterator[HdfsArchive]:
    """An archive whose files are removed afterwards."""
    yield HdfsArchive(settings)
    httpx.delete(
        f"{stack.webhdfs_url}/webhdfs/v1{settings.root}",
        params={"op": "DELETE", "recursive": "true", "user.name": stack.hdfs_user},
    ).raise_for_status()


@pytest.fixture
def namespace(settings: HdfsSettings, stack: Endpoints) -> WebHdfsNamespace:
    """The same root through the other door."""
    return WebHdfsNamespace(InsecureClient(stack.webhdfs_url, user=stack.hdfs_user), settings.root)


@pytest.fixture
def root(settings: HdfsSettings) -> str:
    """Where this test's files are."""
    return settings.root


def put(archive: HdfsArchive, path: str, *pieces: bytes) -> None:
    """Write a whole file."""
    writer = archive.create(path)
    for piece in pieces:
        writer.write(piece)
    writer.close()


class TestFiles:
    """Writing, reading, finding and removing."""

    def test_reads_exactly_the_range_that_was_asked_for(self, archive: HdfsArchive, root: str) -> None:
        """Many small writes and one large one come back byte for byte, at any offset, across the writer's blocks."""
        whole = b"header" * 100 + PATTERN * 3 + b"end"
        put(archive, f"{root}/a/b/file.tar", *[b"header"] * 100, PATTERN * 3, b"", b"end")
        for offset, length in [(0, 1), (599, 2), (WRITE_BYTES - 7, 14), (0, len(whole)), (len(whole) - 3, 3), (5, 0)]:
            assert archive.read(f"{root}/a/b/file.tar", offset, length) == whole[offset : offset + length]
        assert archive.length(f"{root}/a/b/file.tar") == len(whole)

    def test_a_file_that_stays_open_gives_any_range(self, archive: HdfsArchive, root: str) -> None:
        """In any order, and says so where there is none; a file that is not there cannot be opened."""
        put(archive, f"{root}/a", PATTERN)
        opened = archive.open(f"{root}/a")
        assert opened.read(1000, 50) == PATTERN[1000:1050]
        assert opened.read(0, len(PATTERN)) == PATTERN
        with pytest.raises(ArchiveMemberError, match="has 1048576 bytes"):
            opened.read(len(PATTERN) - 1, 2)
        with pytest.raises(ArchiveMemberError, match="no such file"):
            archive.open(f"{root}/b")

    def test_an_empty_file_is_a_file(self, archive: HdfsArchive, root: str) -> None:
        """A writer that is closed without a write leaves a file of length 0."""
        put(archive, f"{root}/empty")
        assert archive.length(f"{root}/empty") == 0
        assert list(archive.list(root)) == [ArchiveFile(f"{root}/empty", 0)]

    def test_what_is_missing_is_none_false_or_nothing(self, archive: HdfsArchive, root: str) -> None:
        """Asking for the length of, removing or listing what is not there is no error."""
        put(archive, f"{root}/archive/f")
        assert archive.length(f"{root}/archive") is None
        assert archive.length(f"{root}/none.tar") is None
        assert archive.delete(f"{root}/none.tar") is False
        assert list(archive.list(f"{root}/none")) == []

    def test_a_range_that_is_not_there_names_the_file(self, archive: HdfsArchive, root: str) -> None:
        """A missing file, and one shorter than the index says, are damage to be named, not a crash of the client."""
        put(archive, f"{root}/short.tar", b"12345")
        with pytest.raises(ArchiveMemberError, match=r"short\.tar: has 5 bytes, not the 9"):
            archive.read(f"{root}/short.tar", 4, 5)
        with pytest.raises(ArchiveMemberError, match=r"none\.tar: there is no such file"):
            archive.read(f"{root}/none.tar", 0, 1)

    def test_lists_every_file_below_a_folder(self, archive: HdfsArchive, root: str) -> None:
        """Files of all levels with their lengths; folders themselves are not files."""
        for day in (1, 2):
            for number in range(2):
                put(archive, f"{root}/archive/dt=2026-01-0{day}/f-{number}.tar", b"x" * (day + number))
        found = {(file.path.removeprefix(f"{root}/archive/"), file.length) for file in archive.list(f"{root}/archive")}
        assert found == {
            ("dt=2026-01-01/f-0.tar", 1),
            ("dt=2026-01-01/f-1.tar", 2),
            ("dt=2026-01-02/f-0.tar", 2),
            ("dt=2026-01-02/f-1.tar", 3),
        }

    def test_removes_a_file_once(self, archive: HdfsArchive, root: str) -> None:
        """Removing says whether there was something to remove."""
        put(archive, f"{root}/f", b"x")
        assert archive.delete(f"{root}/f") is True
        assert archive.delete(f"{root}/f") is False

    def test_ordinary_tools_see_the_same_file(self, archive: HdfsArchive, root: str, stack: Endpoints) -> None:
        """What was written is there for WebHDFS, and so for any other client."""
        put(archive, f"{root}/f", PATTERN)
        url = f"{stack.webhdfs_url}/webhdfs/v1{root}/f"
        answer = httpx.get(url, params={"op": "OPEN", "user.name": stack.hdfs_user}, follow_redirects=True)
        assert answer.content == PATTERN

    def test_threads_share_one_archive(self, archive: HdfsArchive, root: str) -> None:
        """Many threads read at once and each gets its own range."""
        put(archive, f"{root}/f", PATTERN)

        def read(offset: int) -> bool:
            return archive.read(f"{root}/f", offset, 1000) == PATTERN[offset : offset + 1000]

        with ThreadPoolExecutor(16) as pool:
            assert all(pool.map(read, range(0, 300_000, 1000)))


class TestWriter:
    """Streaming: bounded, complete only when closed, and fenced."""

    def test_holds_one_block_whatever_it_is_given(self, archive: HdfsArchive, root: str) -> None:
        """Writing 64 MiB in one go keeps only blocks of bounded size in memory on the way."""
        data = bytes(64 * WRITE_BYTES)
        writer = archive.create(f"{root}/big")
        tracemalloc.start()
        try:
            writer.write(data)
            writer.close()
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 8 * WRITE_BYTES
        assert archive.length(f"{root}/big") == len(data)

    def test_a_second_writer_of_a_name_fences_the_first(self, archive: HdfsArchive, root: str) -> None:
        """A worker that was thought dead cannot complete a file that its successor has started anew."""
        first = archive.create(f"{root}/staging.tar")
        first.write(b"old")
        put(archive, f"{root}/staging.tar", b"newer")
        with pytest.raises(ArchiveMemberError, match="removed or replaced"):
            first.close()
        assert archive.read(f"{root}/staging.tar", 0, 5) == b"newer"

    def test_an_unfinished_file_can_be_removed(self, archive: HdfsArchive, root: str) -> None:
        """What a dead worker left open can be swept; had it been alive, it could not complete the file."""
        writer = archive.create(f"{root}/staging.tar")
        writer.write(PATTERN * 2)
        assert [file.path for file in archive.list(root)] == [f"{root}/staging.tar"]
        assert archive.delete(f"{root}/staging.tar") is True
        with pytest.raises(ArchiveMemberError, match="removed or replaced"):
            writer.close()


class TestRename:
    """Publishing a file under its final name."""

    def test_moves_into_a_folder_that_does_not_exist_yet(self, archive: HdfsArchive, root: str) -> None:
        """The target's parent folders come into being; the old name is gone."""
        put(archive, f"{root}/_staging/f", b"x")
        archive.rename(f"{root}/_staging/f", f"{root}/archive/dt=2026-01-01/f")
        assert list(archive.list(root)) == [ArchiveFile(f"{root}/archive/dt=2026-01-01/f", 1)]

    def test_a_missing_source_is_a_clear_error(self, archive: HdfsArchive, root: str) -> None:
        """A file that the sweep has removed meanwhile cannot be published."""
        with pytest.raises(ArchiveMemberError, match=r"_staging/f: there is no such file to rename"):
            archive.rename(f"{root}/_staging/f", f"{root}/archive/f")

    def test_never_replaces_an_archived_file(self, archive: HdfsArchive, root: str) -> None:
        """A target that exists stays as it is, and so does the source."""
        put(archive, f"{root}/a", b"new")
        put(archive, f"{root}/b", b"old")
        with pytest.raises(ArchiveMemberError, match=r"/b: already exists"):
            archive.rename(f"{root}/a", f"{root}/b")
        assert archive.read(f"{root}/a", 0, 3) == b"new"
        assert archive.read(f"{root}/b", 0, 3) == b"old"


class TestFolders:
    """What platform_setup makes and the sweep removes."""

    def test_ensure_folders_can_be_repeated(self, archive: HdfsArchive, namespace: WebHdfsNamespace, root: str) -> None:
        """The archive's folders are made once; another call changes nothing, and what lies in them is counted."""
        namespace.ensure_folders()
        assert namespace.stored_bytes() == 0
        put(archive, f"{root}/archive/dt=2026-01-01/f", b"x")
        namespace.ensure_folders()
        assert namespace.stored_bytes() == 1
        assert set(archive.empty_folders(root)) == {f"{root}/_staging", f"{root}/held"}

    def test_only_an_empty_folder_is_removed(self, archive: HdfsArchive, root: str) -> None:
        """A folder with a file in it stays, with the file; an empty one goes; a missing one is no error."""
        put(archive, f"{root}/archive/dt=2026-01-01/f", b"x")
        assert archive.remove_folder(f"{root}/archive/dt=2026-01-01") is False
        archive.delete(f"{root}/archive/dt=2026-01-01/f")
        assert list(archive.empty_folders(f"{root}/archive")) == [f"{root}/archive/dt=2026-01-01"]
        assert archive.remove_folder(f"{root}/archive/dt=2026-01-01") is True
        assert archive.remove_folder(f"{root}/archive/dt=2026-01-01") is False


class TestOutages:
    """A server that is away or does not answer is one error, in bounded time."""

    def test_nobody_listens(self) -> None:
        """A refused connection is an unavailable server, after the client has tried for as long as it may."""
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
        archive = HdfsArchive(HdfsSettings(namenode=f"hdfs://127.0.0.1:{port}"), timeout_seconds=2)
        with pytest.raises(ServerUnavailableError, match="HDFS does not answer: /x"):
            archive.length("/x")

    def test_a_frozen_server_does_not_freeze_the_caller(self) -> None:
        """A NameNode that takes connections and never answers ends as an error; callers and threads do not pile up."""
        with socket.create_server(("127.0.0.1", 0)) as frozen:
            settings = HdfsSettings(namenode=f"hdfs://127.0.0.1:{frozen.getsockname()[1]}")
            archive = HdfsArchive(settings, timeout_seconds=0.3, calls_in_flight=2)
            with pytest.raises(ServerUnavailableError, match="no answer in time"):
                archive.create("/x")
            with pytest.raises(ServerUnavailableError, match="no answer in time"):
                list(archive.list("/x"))
            before = set(threading.enumerate())
            with pytest.raises(ServerUnavailableError, match="no answer in time"):
                archive.read("/x", 0, 1)
            assert set(threading.enumerate()) <= before

    def test_a_user_without_the_right_is_told_so(
        self, archive: HdfsArchive, settings: HdfsSettings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What HDFS refuses is one line with its reason, no stack trace."""
        put(archive, f"{settings.root}/archive/mine")
        monkeypatch.setenv("HADOOP_USER_NAME", "stranger")
        with pytest.raises(ServerUnavailableError) as caught:
            HdfsArchive(settings).create(f"{settings.root}/archive/f")
        assert "Permission denied: user=stranger" in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_an_address_that_is_none_is_told_so(self) -> None:
        """A wrong setting names itself."""
        with pytest.raises(ServerUnavailableError, match="ftp://nowhere"):
            HdfsArchive(HdfsSettings(namenode="ftp://nowhere"))
