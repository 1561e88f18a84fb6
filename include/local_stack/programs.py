"""Finds the programs that pip cannot install, and says in one line how to get one that is missing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from local_stack.errors import MissingProgramError

JAVA_MINIMUM = 17
INSTALL_JAVA = "apt-get install openjdk-17-jre-headless (or your system's Java 17 or newer)"


def find_java_home() -> Path:
    """Return the home of a Java that is new enough: ``JAVA_HOME`` first, then the one on the ``PATH``.

    Raises:
        MissingProgramError: There is none.
    """
    found = "none was found"
    for launcher in _candidates():
        version = _java_version(launcher)
        if version >= JAVA_MINIMUM:
            return launcher.resolve().parents[1]
        found = f"{launcher} is Java {version or 'of unknown version'}"
    raise MissingProgramError(f"Java {JAVA_MINIMUM} or newer", found, INSTALL_JAVA)


def find_haproxy() -> str:
    """Return the load balancer's program; Debian puts it where only root's ``PATH`` may look.

    Raises:
        MissingProgramError: There is none.
    """
    found = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise MissingProgramError("HAProxy", "none was found", "apt-get install haproxy")
    return found


def _candidates() -> list[Path]:
    places = [Path(os.environ["JAVA_HOME"]) / "bin" / "java"] if os.environ.get("JAVA_HOME") else []
    on_path = shutil.which("java")
    return [place for place in (*places, *([Path(on_path)] if on_path else [])) if place.exists()]


def _java_version(launcher: Path) -> int:
    try:
        done = subprocess.run([launcher, "-version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    match = re.search(r'version "(\d+)', done.stderr)
    return int(match[1]) if match else 0
