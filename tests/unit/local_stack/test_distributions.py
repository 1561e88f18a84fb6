"""Downloads: done once, whole or not at all, unpacked into what the servers need."""

from __future__ import annotations

import io
import os
import re
import tarfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from local_stack.distributions import Distribution, all_distributions, fetch, sha256_lines
from local_stack.distributions.lock import POSTGRES_PLATFORMS
from local_stack.errors import DownloadError

if TYPE_CHECKING:
    from pathlib import Path

FAKE_MAVEN = """#!/bin/sh
echo run >> "$FAKE_RUNS"
for argument; do case "$argument" in -DoutputDirectory=*) out=${argument#*=};; esac; done
mkdir -p "$out"
sleep 0.2
cp "$FAKE_FILES"/* "$out"/
"""
FAILING_MAVEN = """#!/bin/sh
printf '\\033[1m[ERROR]\\033[m \\n'
echo '[ERROR] Could not find artifact x:y:1 in central'
echo '[ERROR] Re-run Maven with -X'
exit 1
"""


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the folder whose files the stand-in for Maven delivers."""
    folder = tmp_path / "files"
    folder.mkdir()
    monkeypatch.setenv("FAKE_FILES", str(folder))
    monkeypatch.setenv("FAKE_RUNS", str(tmp_path / "runs"))
    install(FAKE_MAVEN, tmp_path, monkeypatch)
    return folder


def install(script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a script in Maven's place."""
    program = tmp_path / "bin" / "mvn"
    program.parent.mkdir(exist_ok=True)
    program.write_text(script)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")


def pinned(name: str, files: Path, *, lock: bool = True) -> Distribution:
    """Return a distribution whose lock expects the stand-in's files."""
    pins = files.parent / "pins"
    pins.mkdir(exist_ok=True)
    (pins / f"{name}.xml").write_text("<project/>")
    (pins / f"{name}.sha256").write_text("\n".join(sha256_lines(files)) if lock else "")
    return replace(all_distributions()[name], pins=pins)


def test_two_stacks_that_ask_at_once_download_once(files: Path, tmp_path: Path) -> None:
    """One downloads, the other waits, both get the whole folder; nothing half-done is left."""
    (files / "kafka.jar").write_bytes(b"jar")
    kafka = pinned("kafka", files)
    cache = tmp_path / "cache"
    with ThreadPoolExecutor(2) as pool:
        folders = list(pool.map(lambda _: fetch(kafka, cache), range(2)))
    assert folders == [kafka.folder(cache)] * 2
    assert (folders[0] / "libs" / "kafka.jar").read_bytes() == b"jar"
    assert (tmp_path / "runs").read_text().count("run") == 1
    assert {path.name for path in cache.iterdir()} == {".lock", folders[0].name}


def test_a_failed_unpacking_leaves_nothing_that_looks_done(files: Path, tmp_path: Path) -> None:
    """The next start downloads again."""
    (files / "kafka.jar").write_bytes(b"jar")

    def fail(downloads: Path, target: Path) -> None:
        (target / "half").touch()
        raise OSError(downloads)

    broken = replace(pinned("kafka", files), unpack=fail)
    with pytest.raises(OSError, match="downloads"):
        fetch(broken, tmp_path / "cache")
    assert not broken.folder(tmp_path / "cache").exists()


def test_mavens_first_real_error_becomes_the_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Colours, empty lines and advice are left out."""
    install(FAILING_MAVEN, tmp_path, monkeypatch)
    with pytest.raises(DownloadError, match=r"^cannot download kafka: Could not find artifact x:y:1 in central$"):
        fetch(all_distributions()["kafka"], tmp_path / "cache")


def test_without_maven_the_line_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No traceback for a missing program."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DownloadError, match="not installed"):
        fetch(all_distributions()["kafka"], tmp_path / "cache")


def test_a_file_that_is_not_the_locked_one_is_refused(files: Path, tmp_path: Path) -> None:
    """Same name, other bytes: nothing is unpacked, and the line names the file."""
    (files / "kafka.jar").write_bytes(b"jar")
    kafka = pinned("kafka", files)
    (files / "kafka.jar").write_bytes(b"something else")
    with pytest.raises(DownloadError, match=r"kafka\.jar is not the file"):
        fetch(kafka, tmp_path / "cache")
    assert not kafka.folder(tmp_path / "cache").exists()


def test_a_file_that_nobody_locked_is_refused(files: Path, tmp_path: Path) -> None:
    """A dependency that appears out of nowhere does not get on the classpath."""
    (files / "surprise.jar").write_bytes(b"jar")
    with pytest.raises(DownloadError, match=r"surprise\.jar"):
        fetch(pinned("kafka", files, lock=False), tmp_path / "cache")


def test_every_distribution_has_its_lock() -> None:
    """One line per file, and PostgreSQL's for every platform."""
    for distribution in all_distributions().values():
        lines = distribution.checksums.read_text().splitlines()
        assert lines
        assert all(re.fullmatch(r"[0-9a-f]{64}  [\w.+-]+", line) for line in lines)
    assert len(all_distributions()["postgres"].checksums.read_text().splitlines()) == len(POSTGRES_PLATFORMS)


def test_another_version_is_another_folder(tmp_path: Path) -> None:
    """A checkout that pins other versions does not get this one's servers from the shared cache."""
    postgres = all_distributions()["postgres"]
    other = replace(postgres, properties={"postgres.platform": "other"})
    assert postgres.folder(tmp_path) != other.folder(tmp_path)


def test_hdfs_keeps_web_pages_and_drops_test_classes(files: Path, tmp_path: Path) -> None:
    """The tests artifact brings ``webapps``; its classes and log settings must not get on the classpath."""
    (files / "hadoop-hdfs-3.5.0.jar").write_bytes(b"jar")
    with zipfile.ZipFile(files / "hadoop-hdfs-3.5.0-tests.jar", "w") as archive:
        archive.writestr("webapps/hdfs/index.html", "page")
        archive.writestr("log4j.properties", "not ours")
    folder = fetch(pinned("hdfs", files), tmp_path / "cache")
    assert (folder / "web" / "webapps" / "hdfs" / "index.html").read_text() == "page"
    assert [path.name for path in (folder / "libs").iterdir()] == ["hadoop-hdfs-3.5.0.jar"]
    assert not list(folder.rglob("log4j.properties"))


def test_elasticsearch_programs_can_be_run(files: Path, tmp_path: Path) -> None:
    """The zip carries no permissions, and the top folder's name has the version in it."""
    with zipfile.ZipFile(files / "elasticsearch-8.zip", "w") as archive:
        archive.writestr("elasticsearch-8/bin/elasticsearch", "#!/bin/sh")
        archive.writestr("elasticsearch-8/lib/server.jar", "jar")
    folder = fetch(pinned("elasticsearch", files), tmp_path / "cache")
    assert (folder / "bin" / "elasticsearch").stat().st_mode & 0o777 == 0o755
    assert {path.name for path in folder.iterdir()} == {"bin", "lib"}


def test_postgres_can_be_read_by_the_user_it_runs_as(files: Path, tmp_path: Path) -> None:
    """Root unpacks, another user runs: everything is readable, programs stay executable."""
    tar_bytes = io.BytesIO()
    with tarfile.open(fileobj=tar_bytes, mode="w:xz") as tar:
        entry = tarfile.TarInfo("bin/postgres")
        entry.mode, entry.size = 0o700, 3
        tar.addfile(entry, io.BytesIO(b"elf"))
    with zipfile.ZipFile(files / "postgres.jar", "w") as archive:
        archive.writestr("postgres-linux-x86_64.txz", tar_bytes.getvalue())
    folder = fetch(pinned("postgres", files), tmp_path / "cache")
    assert (folder / "bin" / "postgres").stat().st_mode & 0o777 == 0o755
    assert folder.stat().st_mode & 0o055 == 0o055
