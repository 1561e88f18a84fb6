"""Puts committed outcomes straight into the ledger's tables, where a test is about what comes after the ingest."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, text

ACCEPTED_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
TOPIC = "photos.uploaded"


@dataclass
class Outcomes:
    """Rows of one topic's partition 0, in whatever transaction the connection is in."""

    connection: Connection
    customers: dict[str, UUID] = field(default_factory=dict)

    def customer(self, name: str) -> UUID:
        """A customer of that name."""
        if name not in self.customers:
            customer_id = self.customers[name] = uuid4()
            email = f"{customer_id}@example.org"
            self._insert("customer", customer_id=customer_id, email=email, display_name=name, password_hash="-")
        return self.customers[name]

    def record(self, offset: int, outcome: str = "rejected", **columns: Any) -> None:
        """One record and its outcome."""
        reason = "truncated" if outcome == "rejected" else None
        columns = {
            "accepted_at": ACCEPTED_AT,
            "processed_at": ACCEPTED_AT,
            "source": "upload",
            "reason": reason,
            **columns,
        }
        slice_id = self._slice(offset, columns["processed_at"])
        columns |= {"topic": TOPIC, "partition": 0, "offset": offset, "slice_id": slice_id, "outcome": outcome}
        self._insert("ingest_record", **columns)

    def photo(self, offset: int, name: str, **columns: Any) -> UUID:
        """A processed record and its photo."""
        photo_id, customer_id = uuid4(), self.customer(name)
        shard_id = self.connection.execute(
            text("INSERT INTO shard (path, dt, length, photos) VALUES (:path, current_date, 1, 1) RETURNING shard_id"),
            {"path": f"/photos/archive/{photo_id}.tar"},
        ).scalar_one()
        facts = {"format": "jpeg", "width": 4000, "height": 3000, "bytes": 1000, "camera": "Canon EOS R6"}
        times = dict.fromkeys(("uploaded_at", "accepted_at", "processed_at"), ACCEPTED_AT)
        columns = {"sha256": "0" * 64, "source": "upload", "content_type": "image/jpeg", **facts, **times, **columns}
        self._insert("photo", **{**columns, "photo_id": photo_id, "customer_id": customer_id, "shard_id": shard_id})
        accepted_at, source = columns["accepted_at"], columns["source"]
        self.record(
            offset, "processed", photo_id=photo_id, customer_id=customer_id, accepted_at=accepted_at, source=source
        )
        return photo_id

    def expire(self, photo_id: UUID) -> None:
        """What retention does to a photo: the personal details go, the figures stay."""
        statement = (
            "UPDATE photo SET status = 'expired', shard_id = NULL, expired_at = now(), filename = NULL, camera = NULL, "
            "taken_at = NULL, taken_at_offset = NULL WHERE photo_id = :photo_id"
        )
        self.connection.execute(text(statement), {"photo_id": photo_id})

    def _slice(self, offset: int, committed_at: datetime) -> int:
        """Every record's own: the time of a record is that of its slice's commit."""
        place = {"topic": TOPIC, "partition": 0}
        known = text('SELECT count(*) FROM partition_progress WHERE topic = :topic AND "partition" = :partition')
        if not self.connection.execute(known, place).scalar_one():
            self._insert("partition_progress", **place, first_offset=0, next_offset=0)
        times = {"dt": ACCEPTED_AT.date(), "committed_at": committed_at}
        self._insert("slice", **place, start=offset, end=offset + 1, state="committed", **times)
        return int(self.connection.execute(text("SELECT max(slice_id) FROM slice")).scalar_one())

    def _insert(self, table: str, **columns: Any) -> None:
        names = ", ".join(f'"{name}"' for name in columns)
        values = ", ".join(f":{name}" for name in columns)
        self.connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({values})"), columns)
