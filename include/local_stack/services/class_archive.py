"""An archive of the classes that a Java server has loaded: starting with one takes half the processor time.

A server that has none writes it when it ends in good order; no start waits for that. Java ignores an archive that was
made with another Java or from other files, but dies of one that is cut: so each is tried before it is used.
"""

from __future__ import annotations

import hashlib
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

EMPTY = bytes(4)
"""How an archive begins that is still being written, or whose writer was killed: its header comes last."""
TRIAL_SECONDS = 60
# A Java that knows one of these no longer starts all the same.
_LENIENT = "-XX:+IgnoreUnrecognizedVMOptions"
# An archive that cannot be used ends the trial instead of being ignored.
_TRIAL = ("-Xshare:on", "-XX:ErrorFile=/dev/null", "-XX:-CreateCoredumpOnCrash", "-version")


@dataclass(frozen=True, slots=True)
class ClassArchive:
    """The archive of one server.

    Attributes:
        path: Where it lies, or will.
        java: The launcher.
        classpath: Where the server's classes are.
    """

    path: Path
    java: str
    classpath: str

    def reading(self) -> list[str]:
        """Return the options that let Java start with it; none where there is no good one, and a bad one is gone."""
        if not self._is_whole():
            return []
        checked = [_LENIENT, "-Xshare:auto", "-XX:+VerifySharedSpaces", f"-XX:SharedArchiveFile={self.path}"]
        if not self._starts(checked):
            self.path.unlink(missing_ok=True)
            return []
        return checked

    def reading_or_writing(self) -> list[str]:
        """Return the options that let a server start with it, or leave it when it ends."""
        return self.reading() or [_LENIENT, f"-XX:ArchiveClassesAtExit={self.path}"]

    def _is_whole(self) -> bool:
        try:
            with self.path.open("rb") as file:
                return file.read(len(EMPTY)) not in {EMPTY, b""}
        except OSError:
            return False

    def _starts(self, options: list[str]) -> bool:
        command = [self.java, *options, "-cp", self.classpath, *_TRIAL]
        try:
            return subprocess.run(command, capture_output=True, timeout=TRIAL_SECONDS, check=False).returncode == 0
        except (OSError, subprocess.TimeoutExpired):
            return False


def place(installed: Path, java_home: Path) -> Path:
    """Return where a server's archive lies: beside its jars, one for each Java."""
    release = java_home / "release"
    java = release.read_bytes() if release.is_file() else str(java_home).encode()
    return installed / f"classes-{hashlib.sha256(java).hexdigest()[:12]}.jsa"


def argument_file(arguments: list[str]) -> str:
    """Return arguments in the form of a file that the Java launcher reads (``java @file``)."""
    escaped = (argument.replace("\\", "\\\\") for argument in arguments)
    return "".join(f'"{argument}"\n' for argument in escaped)
