"""The last step of ``docker compose up``: runs ``platform_setup`` through Airflow's API and wakes the other DAGs.

The same code does it for the local stack. Which DAGs were woken is remembered beside Airflow's logs, so that one that
somebody paused stays paused at the next start.
"""  # noqa: INP001 - run by path, like a DAG

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local_stack.errors import StackError
from local_stack.setup import PlatformSetup, airflow_client

AIRFLOW_HOME = Path("/opt/airflow")


@dataclass(frozen=True, slots=True)
class AirflowAccount:
    """The part of ``local_stack.endpoints.Endpoints`` that the setup reads."""

    airflow_url: str
    airflow_user: str
    airflow_password: str


def set_up(account: AirflowAccount, home: Path) -> None:
    """Run ``platform_setup`` once and wake the DAGs of ``home``. Raises ``StackError``."""
    # The account has every attribute of the endpoints that is read there: test_compose_scripts.py holds it to that.
    with airflow_client(account) as client:  # type: ignore[arg-type] # see above
        PlatformSetup(client, account).run(home / "dags", home / "logs" / "woken-dags.json")  # type: ignore[arg-type] # as above


def main(environ: Mapping[str, str], home: Path = AIRFLOW_HOME) -> int:
    """Set the platform up; 1 and one line that says where to look where it cannot be done."""
    try:
        account = AirflowAccount(environ["AIRFLOW_URL"], environ["AIRFLOW_USER"], environ["AIRFLOW_PASSWORD"])
        set_up(account, home)
    except KeyError as error:
        sys.stderr.write(f"set {error.args[0]}\n")
        return 1
    except StackError as error:
        sys.stderr.write(f"{_with_shown_url(str(error), environ)}\n")
        return 1
    sys.stdout.write(_with_shown_url(f"the platform is set up; Airflow: {account.airflow_url}\n", environ))
    return 0


def _with_shown_url(text: str, environ: Mapping[str, str]) -> str:
    """The text with the address that a person can open, where it differs from the one between containers."""
    inside = environ["AIRFLOW_URL"]
    return text.replace(inside, environ.get("AIRFLOW_SHOWN_URL") or inside)


if __name__ == "__main__":
    sys.exit(main(os.environ))
