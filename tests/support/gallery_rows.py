"""Customers and photos on a real database, made as the API and the ingest make them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import Engine, text
from tests.support.slices import archived_photo, backlog, commit_of

from photo_pipeline.adapters.postgres.customers import PostgresCustomers
from photo_pipeline.adapters.postgres.ingest_ledger import PostgresIngestLedger
from photo_pipeline.domain.customers import Customer
from photo_pipeline.domain.ledger import ArchivedPhoto, RecordResult

Commit = Callable[[list[ArchivedPhoto], list[RecordResult]], None]


@contextmanager
def committing(pipeline: Engine) -> Iterator[Commit]:
    """A way to commit the next slice of a partition, as the ingest does."""
    ledger = PostgresIngestLedger(pipeline)
    done = 0

    def commit_next(photos: list[ArchivedPhoto], records: list[RecordResult]) -> None:
        nonlocal done
        (planned,) = ledger.plan(backlog(done + len(records)), 1000, "run", 60)
        lease = ledger.lease(planned.slice_id, "run", 60)
        assert lease is not None
        ledger.commit(commit_of(lease, photos, records))
        done += len(records)

    yield commit_next


def signed_up(customers: PostgresCustomers, email: str | None = None) -> Customer:
    """A new customer."""
    return customers.add(uuid4(), email or f"{uuid4()}@example.org", "Ada", "$argon2id$x")


def photos_of(customer: Customer, count: int, minutes_apart: int = 1) -> list[ArchivedPhoto]:
    """Photos accepted one after the other."""
    first = datetime(2026, 5, 4, tzinfo=UTC)
    return [
        replace(
            archived_photo(customer.customer_id, f"{customer.customer_id} {n}".encode()),
            accepted_at=first + n * timedelta(minutes=minutes_apart),
        )
        for n in range(count)
    ]


def expire(owner: Engine, photo_id: UUID) -> None:
    """What the retention does to a photo whose time has passed."""
    with owner.begin() as connection:
        connection.execute(text("DELETE FROM rendition WHERE photo_id = :id"), {"id": photo_id})
        statement = "UPDATE photo SET status = 'expired', shard_id = NULL, filename = NULL, expired_at = now()"
        connection.execute(text(f"{statement} WHERE photo_id = :id"), {"id": photo_id})
