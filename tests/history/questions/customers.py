"""Log-ins, devices and holds."""

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID, uuid4

from tests.history.questions.kind import Prepare, Put, each, one
from tests.history.shape import COLLECTOR, HOARDER, VETERAN, ordinary
from tests.history.world import History

from photo_pipeline.adapters.postgres.customers import PostgresCustomers
from photo_pipeline.adapters.postgres.holds import PostgresCustomerHolds, PostgresHoldRegister
from photo_pipeline.adapters.postgres.passwords import PostgresPasswords
from photo_pipeline.adapters.postgres.sessions import PostgresSessionRegister, PostgresSessions
from photo_pipeline.adapters.postgres.usage import PostgresUsage
from photo_pipeline.domain.customers import NewReset, OpenSession

SOMEBODY = ordinary(0)
WHO = {"a hoarder": HOARDER, "a veteran": VETERAN, "a collector": COLLECTOR, "somebody": SOMEBODY}
A_DAY = timedelta(days=1)
LOOKED_AT = 20
"""Less than a hoarder's device has sent in a short past: the bound is what is asked about."""


def _directory(history: History) -> PostgresCustomers:
    return PostgresCustomers(history.api)


def _hold_and_lift(history: History) -> Put:
    register = PostgresCustomerHolds(history.api, 1000)
    query = "SELECT photo_id FROM photo WHERE customer_id = :customer AND status = 'processed' ORDER BY 1 LIMIT 1"
    photo_id = history.one(query, customer=SOMEBODY)

    def ask() -> None:
        register.place(SOMEBODY, photo_id, "mine", "the customer")
        register.lift(SOMEBODY, photo_id)

    return one(ask)


def _whose(history: History) -> Put:
    photo_id = history.one("SELECT photo_id FROM photo ORDER BY photo_id LIMIT 1")
    return one(lambda: PostgresHoldRegister(history.pipeline).customer_of(photo_id))


def _usage(customer_id: UUID) -> Prepare:
    """Reads what was sent in the time that is asked about, and no more."""

    def prepare(history: History) -> Put:
        sent_since, kept_since = history.now - A_DAY, history.now - history.policy.keep
        query = "SELECT count(*) FROM ingest_record WHERE customer_id = :customer AND processed_at >= :since"
        records = int(history.one(query, customer=customer_id, since=min(sent_since, kept_since)))

        def ask() -> int:
            PostgresUsage(history.api).usage(customer_id, sent_since, kept_since)
            return max(1, records)

        return ask

    return prepare


def _activity(customer_id: UUID) -> Prepare:
    """Two things: so many of the newest photos, of the index alone, and the newest record that was refused."""

    def prepare(history: History) -> Put:
        history.vacuum("photo")

        def ask() -> int:
            (_,) = _directory(history).devices(customer_id, LOOKED_AT)
            return 2

        return ask

    return prepare


def _see(history: History) -> Put:
    query = "SELECT device_id FROM device WHERE customer_id = :customer ORDER BY device_id LIMIT 1"
    device = history.one(query, customer=SOMEBODY)
    return one(lambda: _directory(history).see_device(SOMEBODY, device))


def _sessions(history: History) -> Put:
    register = PostgresSessionRegister(history.api)
    version = history.one("SELECT password_version FROM customer WHERE customer_id = :customer", customer=SOMEBODY)

    def ask() -> None:
        session = OpenSession(uuid4(), SOMEBODY, "Firefox on Linux", history.now, history.now, history.now + A_DAY)
        register.begin(session, version)
        register.seen(session.session_id, history.now + A_DAY)
        register.of_customer(SOMEBODY, 100)
        register.end(SOMEBODY, session.session_id, history.now)

    return one(ask)


def _passwords(history: History) -> Put:
    register = PostgresPasswords(history.api)

    def ask() -> None:
        reset = NewReset(uuid4().bytes + uuid4().bytes, SOMEBODY, history.now + A_DAY)
        register.add_reset(reset, 5)
        register.whose_reset(reset.token_hash)
        register.use_reset(reset.token_hash, "-", history.now)

    return one(ask)


QUESTIONS: Mapping[str, Prepare] = {
    "customers: sign up": lambda h: one(lambda: _directory(h).add(uuid4(), f"{uuid4()}@example.org", "Ada", "-")),
    "customers: log in": lambda h: one(lambda: _directory(h).credentials("7@example.org")),
    "customers: who somebody is": lambda h: one(lambda: _directory(h).get(SOMEBODY)),
    **{
        f"customers: what the device of {who} does": _activity(customer_id)
        for who, customer_id in WHO.items()
        if customer_id != COLLECTOR  # theirs is revoked
    },
    "customers: a new device": lambda h: one(lambda: _directory(h).add_device(SOMEBODY, uuid4(), "camera", 100)),
    "customers: whether a device is good": _see,
    "customers: ended sessions": lambda h: one(lambda: PostgresSessions(h.api).ended(None)),
    "customers: end a session": lambda h: one(lambda: PostgresSessions(h.api).end(uuid4(), h.now)),
    "customers: begin, see, list and end sessions": _sessions,
    "customers: ask for another password, and set it": _passwords,
    **{f"customers: what {who} has sent of late": _usage(customer_id) for who, customer_id in WHO.items()},
    "holds: place and lift one": _hold_and_lift,
    "holds: somebody's": lambda h: each(lambda: PostgresHoldRegister(h.api).active(HOARDER)),
    "holds: a collector's": lambda h: each(lambda: PostgresHoldRegister(h.api).active(COLLECTOR)),
    "holds: all": lambda h: each(lambda: PostgresHoldRegister(h.api).active()),
    "holds: whose photo it is": _whose,
}
