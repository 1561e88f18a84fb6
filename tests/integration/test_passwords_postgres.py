"""Sessions and passwords on real PostgreSQL, under the API's own role."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import ProgrammingError
from tests.support.gallery_rows import signed_up

from photo_pipeline.adapters.postgres.accounts import PostgresAccounts
from photo_pipeline.adapters.postgres.customers import PostgresCustomers
from photo_pipeline.adapters.postgres.passwords import PostgresPasswords
from photo_pipeline.adapters.postgres.sessions import PostgresSessionRegister, PostgresSessions
from photo_pipeline.domain.customers import Credentials, Customer, NewReset, OpenSession

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)
LATER = NOW + timedelta(days=1)


@pytest.fixture
def ada(api: Engine) -> Customer:
    """Give a customer."""
    return signed_up(PostgresCustomers(api))


@pytest.fixture
def sessions(api: Engine) -> PostgresSessionRegister:
    """Give the sessions."""
    return PostgresSessionRegister(api)


@pytest.fixture
def passwords(api: Engine) -> PostgresPasswords:
    """Give the passwords."""
    return PostgresPasswords(api)


def begun(sessions: PostgresSessionRegister, customer: Customer, minutes: int = 0) -> UUID:
    """A session that goes on."""
    seen = NOW - timedelta(minutes=minutes)
    session = OpenSession(uuid4(), customer.customer_id, "Firefox on Linux", seen, seen, NOW + HOUR)
    assert sessions.begin(session, 0)
    return session.session_id


def known(api: Engine, customer: Customer) -> Credentials:
    """What a log-in is checked against now."""
    found = PostgresCustomers(api).credentials(customer.email)
    assert found is not None
    return found


def reset_for(customer: Customer, expires_at: datetime = NOW + HOUR) -> NewReset:
    """Leave to set a password."""
    return NewReset(secrets.token_bytes(32), customer.customer_id, expires_at)


class TestSessions:
    """Sessions that go on."""

    def test_they_are_listed_until_their_tokens_are_over(self, api: Engine, sessions: PostgresSessionRegister) -> None:
        """One's own alone, the one seen last first; being seen never shortens one."""
        ada, grace = signed_up(PostgresCustomers(api)), signed_up(PostgresCustomers(api))
        old, new = begun(sessions, ada, 20), begun(sessions, ada, 10)
        begun(sessions, grace)
        over = OpenSession(uuid4(), ada.customer_id, None, NOW, NOW, NOW - HOUR)
        assert sessions.begin(over, 0)
        assert [each.session_id for each in sessions.of_customer(ada.customer_id, 9)] == [new, old]
        assert sessions.seen(old, NOW)
        first, second = sessions.of_customer(ada.customer_id, 9)
        assert (first.session_id, first.expires_at, second.session_id) == (old, NOW + HOUR, new)
        assert first.seen_at > second.seen_at
        assert sessions.seen(old, NOW + 2 * HOUR)
        assert sessions.of_customer(ada.customer_id, 1)[0].expires_at == NOW + 2 * HOUR
        assert not sessions.seen(uuid4(), NOW + HOUR)
        begun(sessions, grace)
        assert not sessions.seen(over.session_id, NOW + HOUR), "what is over is forgotten when somebody logs in"

    def test_they_are_ended_by_their_customer(self, api: Engine, sessions: PostgresSessionRegister) -> None:
        """One, or all but one, which every instance is told; nobody else's."""
        ada, grace = signed_up(PostgresCustomers(api)), signed_up(PostgresCustomers(api))
        first, second, third, hers = (begun(sessions, who) for who in (ada, ada, ada, grace))
        assert sessions.end(grace.customer_id, first, LATER) == []
        assert [end.session_id for end in sessions.end(ada.customer_id, first, LATER)] == [first]
        assert sessions.end(ada.customer_id, first, LATER) == []
        assert [end.session_id for end in sessions.end_others(ada.customer_id, third, LATER)] == [second]
        told = {end.session_id: end.forget_at for end in PostgresSessions(api).ended(None)}
        assert (told[first], told[second]) == (LATER, LATER)
        assert not {third, hers} & set(told)
        assert [each.session_id for each in sessions.of_customer(grace.customer_id, 9)] == [hers]

    def test_logging_out_takes_one_off_the_list(
        self, api: Engine, sessions: PostgresSessionRegister, ada: Customer
    ) -> None:
        """It does not go on, so it is not shown."""
        PostgresSessions(api).end(begun(sessions, ada), LATER)
        assert sessions.of_customer(ada.customer_id, 9) == []

    def test_none_begins_with_a_password_of_before(
        self, sessions: PostgresSessionRegister, passwords: PostgresPasswords, ada: Customer
    ) -> None:
        """A log-in that was under way while the password was replaced is none."""
        assert passwords.change(ada.customer_id, 0, "$argon2id$y", uuid4(), LATER) == []
        session = OpenSession(uuid4(), ada.customer_id, None, NOW, NOW, NOW + HOUR)
        assert not sessions.begin(session, 0)
        assert sessions.begin(session, 1)


class TestPasswords:
    """Passwords that are replaced."""

    def test_a_change_ends_all_other_sessions(
        self, api: Engine, sessions: PostgresSessionRegister, passwords: PostgresPasswords, ada: Customer
    ) -> None:
        """And voids links that were mailed. Of two changes at once the second one knows no old password any more."""
        own, other = begun(sessions, ada), begun(sessions, ada)
        reset = reset_for(ada)
        assert passwords.add_reset(reset, 5)
        ended = passwords.change(ada.customer_id, 0, "$argon2id$y", own, LATER)
        assert ended is not None
        assert [end.session_id for end in ended] == [other]
        assert passwords.whose_reset(reset.token_hash) is None
        assert passwords.change(ada.customer_id, 0, "$argon2id$z", own, LATER) is None
        assert known(api, ada) == Credentials(ada.customer_id, "$argon2id$y", 1)

    def test_a_hash_made_anew_does_not_bring_an_old_password_back(
        self, api: Engine, passwords: PostgresPasswords, ada: Customer
    ) -> None:
        """A log-in with the old one may be under way while it is replaced."""
        before = known(api, ada)
        assert passwords.change(ada.customer_id, 0, "$argon2id$new", uuid4(), LATER) == []
        PostgresCustomers(api).replace_password_hash(before, "$argon2id$old")
        assert known(api, ada).password_hash == "$argon2id$new"

    def test_a_reset_works_once_and_ends_every_session(
        self, api: Engine, sessions: PostgresSessionRegister, passwords: PostgresPasswords, ada: Customer
    ) -> None:
        """All other links of the customer are over with it; however many come at once, one is the one."""
        begun_ones = {begun(sessions, ada), begun(sessions, ada)}
        reset, other = reset_for(ada), reset_for(ada)
        assert passwords.add_reset(reset, 5)
        assert passwords.add_reset(other, 5)
        assert passwords.whose_reset(reset.token_hash) == ada
        with ThreadPoolExecutor(4) as pool:
            used = pool.map(lambda n: passwords.use_reset(reset.token_hash, f"$argon2id${n}", LATER), range(4))
        [ended] = [each for each in used if each is not None]
        assert {end.session_id for end in ended} == begun_ones
        assert passwords.use_reset(other.token_hash, "$argon2id$z", LATER) is None
        assert known(api, ada).password_version == 1

    def test_a_reset_that_nobody_got_is_dropped(self, passwords: PostgresPasswords, ada: Customer) -> None:
        """It is good for nothing, and takes nobody's place."""
        reset = reset_for(ada)
        for _ in range(2):
            assert passwords.add_reset(reset, 1)
            passwords.drop_reset(reset.token_hash)
        assert passwords.whose_reset(reset.token_hash) is None

    def test_a_reset_ends_by_itself(self, passwords: PostgresPasswords, ada: Customer) -> None:
        """One that is too old is nobody's, and makes room for others; so many are good at a time."""
        old = reset_for(ada, NOW - HOUR)
        assert passwords.add_reset(old, 2)
        assert (passwords.whose_reset(old.token_hash), passwords.use_reset(old.token_hash, "-", LATER)) == (None, None)
        assert [passwords.add_reset(reset_for(ada), 2) for _ in range(3)] == [True, True, False]
        nobody = replace(reset_for(ada), customer_id=uuid4())
        assert not passwords.add_reset(nobody, 2)

    def test_a_closed_account_has_neither(
        self, api: Engine, sessions: PostgresSessionRegister, passwords: PostgresPasswords, ada: Customer
    ) -> None:
        """Nothing of them is kept, and neither comes to be."""
        begun(sessions, ada)
        reset = reset_for(ada)
        assert passwords.add_reset(reset, 5)
        assert PostgresAccounts(api).close(ada.customer_id, LATER)
        with api.connect() as connection:
            for table in ("customer_session", "password_reset"):
                query = f"SELECT count(*) FROM {table} WHERE customer_id = :who"
                assert connection.execute(text(query), {"who": ada.customer_id}).scalar_one() == 0
        assert passwords.use_reset(reset.token_hash, "-", LATER) is None
        assert not passwords.add_reset(reset_for(ada), 5)
        assert passwords.change(ada.customer_id, 0, "-", uuid4(), LATER) is None
        assert not sessions.begin(OpenSession(uuid4(), ada.customer_id, None, NOW, NOW, NOW + HOUR), 0)
        assert not PostgresCustomers(api).rename(ada.customer_id, "Ada again")


class TestNames:
    """What customers and devices are called."""

    def test_both_are_changed_by_their_customer(self, api: Engine, ada: Customer) -> None:
        """Nobody else's device, and none that is revoked."""
        customers = PostgresCustomers(api)
        assert customers.rename(ada.customer_id, "Ada Lovelace")
        assert customers.get(ada.customer_id) == replace(ada, display_name="Ada Lovelace")
        device = customers.add_device(ada.customer_id, uuid4(), "door", 5)
        renamed = customers.rename_device(ada.customer_id, device.device_id, "back door")
        assert renamed == replace(device, name="back door")
        assert customers.rename_device(uuid4(), device.device_id, "mine") is None
        assert customers.revoke_device(ada.customer_id, device.device_id)
        assert customers.rename_device(ada.customer_id, device.device_id, "front door") is None


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE customer SET email = 'eve@example.org'",
        "UPDATE customer_session SET customer_id = gen_random_uuid()",
        "UPDATE password_reset SET expires_at = now()",
        "UPDATE customer_session SET agent = 'mine'",
    ],
)
def test_the_role_changes_no_more_than_it_must(api: Engine, statement: str) -> None:
    """Neither whose a session is, nor how long a link is good, nor under which address somebody signed up."""
    with api.connect() as connection, pytest.raises(ProgrammingError, match="permission denied"):
        connection.execute(text(statement))


@pytest.mark.parametrize("table", ["customer_session", "password_reset"])
def test_nobody_else_reads_them(pipeline_engine: Engine, table: str) -> None:
    """The pipeline has no business with them."""
    with pipeline_engine.connect() as connection, pytest.raises(ProgrammingError, match="permission denied"):
        connection.execute(text(f"SELECT * FROM {table}"))
