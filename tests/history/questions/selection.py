"""Bins, selections, links and whole accounts, under the role ``photo_api``."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID, uuid4

from tests.history.questions.kind import Prepare, Put, each, in_every_month
from tests.history.shape import HOARDER, VETERAN, ordinary
from tests.history.world import History

from photo_pipeline.adapters.postgres.accounts import PostgresAccounts
from photo_pipeline.adapters.postgres.selection import PostgresSelection
from photo_pipeline.adapters.postgres.shares import PostgresShares
from photo_pipeline.domain.gallery import Page
from photo_pipeline.domain.photo import RenditionKind
from photo_pipeline.domain.shares import NewShare

WHO = {"a hoarder's": HOARDER, "a veteran's": VETERAN, "an ordinary": ordinary(0)}
GOES = ordinary(12)


def _ids(history: History, customer_id: UUID, limit: int = 20) -> Sequence[UUID]:
    query = "SELECT photo_id FROM photo WHERE customer_id = :customer AND status = 'processed' ORDER BY 1 LIMIT :limit"
    return [row.photo_id for row in history.rows(query, customer=customer_id, limit=limit)]


def _bin(customer_id: UUID) -> Prepare:
    def prepare(history: History) -> Put:
        selection, ids = PostgresSelection(history.api), _ids(history, customer_id)

        def ask() -> list[UUID]:
            selection.put_into_bin(customer_id, ids)
            listed = selection.binned(customer_id, Page(20))
            return [*selection.take_out_of_bin(customer_id, ids).done, *(photo.photo_id for photo in listed)]

        return each(ask)

    return prepare


def _chosen(customer_id: UUID) -> Prepare:
    def prepare(history: History) -> Put:
        selection, ids = PostgresSelection(history.api), _ids(history, customer_id, 200)
        return each(lambda: selection.chosen(customer_id, ids, RenditionKind.ORIGINAL).photos)

    return prepare


def _share(customer_id: UUID) -> Prepare:
    def prepare(history: History) -> Put:
        shares, ids = PostgresShares(history.api), _ids(history, customer_id)
        token_hash = uuid4().bytes * 2

        def ask() -> Sequence[UUID]:
            new = NewShare(uuid4(), customer_id, token_hash, history.now + timedelta(days=7), ids)
            shares.add(new, 100)
            shares.of_customer(customer_id)
            shares.album(token_hash, counted=True)
            shares.owner(token_hash, ids[0])
            shares.revoke(customer_id, new.share_id)
            return ids

        return each(ask)

    return prepare


def _records(customer_id: UUID) -> Prepare:
    def prepare(history: History) -> Put:
        accounts = PostgresAccounts(history.api)
        first = accounts.records(customer_id, None, 60)
        return each(lambda: accounts.records(customer_id, first[-1], 60))

    return prepare


def _close(history: History) -> Put:
    """As much as the customer has ever sent, within what is kept."""
    sent = history.one("SELECT count(*) FROM ledger_record WHERE customer_id = :customer", customer=GOES)
    until = history.now + timedelta(hours=12)

    def put() -> int:
        PostgresAccounts(history.api).close(GOES, until)
        return int(sent)

    return put


QUESTIONS: Mapping[str, Prepare] = {
    **{f"selection: {who} bin": _bin(customer_id) for who, customer_id in WHO.items()},
    **{f"selection: where {who} photos lie": _chosen(customer_id) for who, customer_id in WHO.items()},
    **{f"shares: {who} link": _share(customer_id) for who, customer_id in WHO.items()},
    **{f"accounts: {who} records": in_every_month(_records(customer_id)) for who, customer_id in WHO.items()},
    "accounts: somebody goes": in_every_month(_close),
}
