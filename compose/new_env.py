"""Writes ``.env`` with random secrets for ``docker compose``, and the keys that sign receipts and proofs of erasure.

Run once: ``PYTHONPATH=include .venv/bin/python compose/new_env.py``. An ``.env`` that exists is
left alone: PostgreSQL and Elasticsearch remember their first passwords, so new ones would lock everybody out.
"""  # noqa: INP001 - run by path, like a DAG

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from local_stack.credentials import Credentials

ROOT = Path(__file__).resolve().parents[1]
PASSWORDS = (
    "POSTGRES_SUPERUSER_PASSWORD",
    "AIRFLOW_DATABASE_PASSWORD",
    "PHOTO_OWNER_PASSWORD",
    "PHOTO_API_PASSWORD",
    "PHOTO_PIPELINE_PASSWORD",
    "PHOTO_BI_PASSWORD",
    "AIRFLOW_ADMIN_PASSWORD",
    "ELASTIC_PASSWORD",
    "KIBANA_SYSTEM_PASSWORD",
    "PHOTO_SYNC_PASSWORD",
    "PHOTO_ANALYST_PASSWORD",
    "PHOTO_PROVISIONER_PASSWORD",
)
LONG_SECRETS = ("AIRFLOW_API_SECRET_KEY", "AIRFLOW_JWT_SECRET", "KIBANA_ENCRYPTION_KEY")
LONG_SECRET_BYTES = 64  # what HMAC with SHA-512 wants (RFC 7518, section 3.2)
OWNER_ONLY = 0o700
READABLE = 0o444


def secrets_for_compose(folder: Path) -> dict[str, str]:
    """Every variable that ``docker-compose.yaml`` requires. What the folder has is used again.

    Args:
        folder: where the secrets are kept, one file each; made for the owner only.
    """
    folder.mkdir(mode=OWNER_ONLY, parents=True, exist_ok=True)
    folder.chmod(OWNER_ONLY)
    credentials = Credentials(folder)
    # The container's user has another number than the one here, so the file is readable and its folder is not.
    key = credentials.signing_key_file()
    public = credentials.record_keys_file()
    erasure = credentials.erasure_key_file()
    erasure_public = credentials.erasure_keys_file()
    for file in (key, public, erasure, erasure_public):
        file.chmod(READABLE)
    return {
        **{name: credentials.password(name.lower()) for name in PASSWORDS},
        **{name: credentials.password(name.lower(), LONG_SECRET_BYTES) for name in LONG_SECRETS},
        "AIRFLOW_FERNET_KEY": credentials.fernet_key(),
        "KAFKA_CLUSTER_ID": credentials.kafka_cluster_id(),
        "SIGNING_KEY_FILE": str(key),
        "RECORD_KEYS_FILE": str(public),
        "ERASURE_KEY_FILE": str(erasure),
        "ERASURE_KEYS_FILE": str(erasure_public),
    }


def write_new(path: Path, variables: Mapping[str, str]) -> None:
    """Write an env file that only its owner may read.

    Raises:
        FileExistsError: there is one already.
    """
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.writelines(f"{name}={value}\n" for name, value in variables.items())


def main(root: Path = ROOT) -> int:
    """Make the file and say what comes next; 1 where there is one."""
    path = root / ".env"
    try:
        write_new(path, secrets_for_compose(root / "compose" / "secrets"))
    except FileExistsError:
        sys.stderr.write(
            f"{path} exists and is left alone; to start anew: docker compose down --volumes, then remove it\n"
        )
        return 1
    sys.stdout.write(f"wrote {path}; next: docker compose up --build --detach --wait\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
