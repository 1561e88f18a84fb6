"""Airflow's own command over its database, and the folder of its tasks' logs."""

import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

from pydantic import SecretStr

from photo_pipeline.domain.errors import CleanupFailedError

TIME_LIMIT_SECONDS = 1800
BATCH = "5000"
"""Rows in one transaction, so that the scheduler waits for none of them."""
LAST_LINES = 5
ADDRESS = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"


class AirflowCommand:
    """The ``AirflowMetadata`` port by ``airflow db clean``.

    A process of its own: Airflow hides the address of its database from tasks, and the code that may use it.
    """

    def __init__(self, address: SecretStr) -> None:
        self._address = address

    def clean(self, before: datetime) -> None:
        """See the port."""
        options = ["--skip-archive", "--yes", "--error-on-cleanup-failure", "--batch-size", BATCH]
        command = [sys.executable, "-m", "airflow", "db", "clean", "--clean-before-timestamp", before.isoformat()]
        done = subprocess.run(  # noqa: S603 - nothing in here comes from outside
            [*command, *options],
            env={**os.environ, ADDRESS: self._address.get_secret_value()},
            capture_output=True,
            text=True,
            timeout=TIME_LIMIT_SECONDS,
            check=False,
        )
        if done.returncode:
            said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
            raise CleanupFailedError("\n".join(said[-LAST_LINES:]))


class LogFolder:
    """The ``TaskLogs`` port on a folder of this machine. Where logs go elsewhere, it is empty or missing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def remove(self, before: datetime) -> int:
        """See the port. Whoever is quicker, or writes to a file just then, is no error."""
        removed = 0
        for path in sorted(self._folder.rglob("*"), reverse=True):
            try:
                if path.is_symlink() or path.stat().st_mtime >= before.timestamp():
                    continue
                if path.is_dir():
                    path.rmdir()
                else:
                    path.unlink()
                    removed += 1
            except OSError:  # gone, not empty, or not ours
                continue
        return removed
