"""``python -m platform_start``, the last step of ``docker compose up``: ``platform_setup``, then the other DAGs awake.

Which DAGs were woken is remembered beside Airflow's logs, so that one that somebody paused stays paused at the next
start. Reads ``AIRFLOW_URL``, ``AIRFLOW_USER`` and ``AIRFLOW_PASSWORD``; ``AIRFLOW_SHOWN_URL`` is the address that a
person can open.
"""

import os
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path

from platform_start.account import AirflowAccount
from platform_start.api import airflow_client
from platform_start.errors import SetupFailedError
from platform_start.setup import PlatformSetup

AIRFLOW_HOME = Path("/opt/airflow")


def set_up(account: AirflowAccount, home: Path) -> set[str]:
    """Run ``platform_setup`` once and wake the DAGs of ``home``; says what goes on. Raises ``SetupFailedError``."""
    with airflow_client(account) as client:
        setup = PlatformSetup(client, account, f"start__{uuid.uuid4()}")
        return setup.run(home / "dags", home / "logs" / "woken-dags.json")


def main(environ: Mapping[str, str], home: Path = AIRFLOW_HOME) -> int:
    """Set the platform up; 1 and one line that says where to look where it cannot be done."""
    try:
        account = AirflowAccount(environ["AIRFLOW_URL"], environ["AIRFLOW_USER"], environ["AIRFLOW_PASSWORD"])
        left = set_up(account, home)
    except KeyError as error:
        sys.stderr.write(f"set {error.args[0]}\n")
        return 1
    except SetupFailedError as error:
        sys.stderr.write(f"{_with_shown_url(str(error), environ)}\n")
        return 1
    goes_on = f" ({', '.join(sorted(left))} goes on by itself)" if left else ""
    sys.stdout.write(_with_shown_url(f"the platform is set up{goes_on}; Airflow: {account.airflow_url}\n", environ))
    return 0


def _with_shown_url(text: str, environ: Mapping[str, str]) -> str:
    """The text with the address that a person can open, where it differs from the one between containers."""
    inside = environ["AIRFLOW_URL"]
    return text.replace(inside, environ.get("AIRFLOW_SHOWN_URL") or inside)


if __name__ == "__main__":
    sys.exit(main(os.environ))
