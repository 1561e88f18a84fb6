"""One-time commands that prepare a server's storage."""

from __future__ import annotations

import pwd
import subprocess
from typing import TYPE_CHECKING

from local_stack.errors import PrepareError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STEP_TIMEOUT = 300


def run_step(
    title: str, command: Sequence[str], *, environment: Mapping[str, str] | None = None, user: str | None = None
) -> None:
    """Run a command to its end.

    Args:
        title: What it does, for the error.
        command: Program and arguments.
        environment: The whole environment; the caller's when left out.
        user: Run as this user (root only).

    Raises:
        PrepareError: It failed; carries the end of its output.
    """
    account = pwd.getpwnam(user) if user else None
    try:
        done = subprocess.run(
            command,
            env=environment,
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=STEP_TIMEOUT,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PrepareError(title, str(error)) from error
    if done.returncode:
        raise PrepareError(title, done.stdout)
