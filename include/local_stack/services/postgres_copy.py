"""A standby of PostgreSQL, made as ``pg_basebackup`` does it, which the server's builds in use here do not bring."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psycopg

    from local_stack.services import Context

REPLICATION_ROLE = "photo_replication"
SIGNAL = "standby.signal"
SLOT = "standby"
# PostgreSQL's manual, "Making a Base Backup Using the Low Level API": what a copy must not have. The log since the
# beginning of the backup comes through the slot.
LEFT_OUT = ("postmaster.pid", "postmaster.opts", "pg_internal.init", "standby.signal", "backup_label")
EMPTIED = ("pg_wal", "pg_dynshmem", "pg_notify", "pg_serial", "pg_snapshots", "pg_subtrans")
SLOTS = "pg_replslot"


def copy_cluster(context: Context, source: Path, target: Path, host: str, primary: psycopg.Connection) -> None:
    """Copy a running primary's data; what was at the target is given up.

    Args:
        context: Of the stack.
        source: The primary's data.
        target: Where the standby's go.
        host: Where the primary listens.
        primary: A superuser's connection to it.
    """
    unfinished = target.with_name("17.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    _make_slot(primary)
    primary.execute("SELECT pg_backup_start('standby', true)")
    _copy(source, unfinished)
    row = primary.execute("SELECT labelfile FROM pg_backup_stop(false)").fetchone()
    (unfinished / "backup_label").write_text(str(row[0]) if row else "")
    (unfinished / SIGNAL).touch()
    _write_private(unfinished / "postgresql.auto.conf", _settings(context, host))
    _hand_over(unfinished, context.layout.service_user)
    shutil.rmtree(target, ignore_errors=True)
    unfinished.rename(target)


def _make_slot(primary: psycopg.Connection) -> None:
    """The primary keeps its log from now on until the standby has it."""
    primary.execute("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active")
    primary.execute("SELECT pg_create_physical_replication_slot(%s, true)", (SLOT,))


def _copy(folder: Path, target: Path) -> None:
    """Files that vanish meanwhile are no error: the log says so."""
    target.mkdir(mode=0o700)
    for entry in folder.iterdir():
        if entry.is_dir():
            if folder.name != SLOTS:
                _copy(entry, target / entry.name)
        elif not _is_left_out(entry):
            try:
                shutil.copyfile(entry, target / entry.name)
            except FileNotFoundError:
                continue


def _is_left_out(file: Path) -> bool:
    return file.name in LEFT_OUT or any(folder in file.parts for folder in EMPTIED)


def _settings(context: Context, host: str) -> str:
    password = context.credentials.password(REPLICATION_ROLE)
    way = {"host": host, "port": context.settings.ports("postgres"), "user": REPLICATION_ROLE, "password": password}
    primary = " ".join(f"{key}={value}" for key, value in way.items())
    return f"primary_conninfo = '{primary}'\nprimary_slot_name = '{SLOT}'\n"


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)


def _hand_over(folder: Path, user: str | None) -> None:
    if user:
        for path in (folder, *folder.rglob("*")):
            shutil.chown(path, user)
