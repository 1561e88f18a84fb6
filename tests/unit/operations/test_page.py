"""The page as an application: who may see what, what stands in it, and what happens when servers are away."""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Event
from uuid import UUID

import pytest
from fastapi import FastAPI, HTTPException
from httpx import ASGITransport, AsyncClient, Response
from tests.support.trails import ADA, CAMERA, PHOTO, MemoryTasks, MemoryTrails

from photo_pipeline.domain.errors import ServerUnavailableError, UnstorableError
from photo_pipeline.domain.forms import Feedable, Named, Refused
from photo_pipeline.domain.health import LedgerHealth
from photo_pipeline.domain.logs import KnownLog, LogTrouble
from photo_pipeline.domain.photo import Log, RecordCoordinates, TopicPartition
from photo_pipeline.domain.photos_page import (
    DagState,
    Flow,
    Holds,
    NoPreviewError,
    OutcomeCount,
    Overview,
    Rejected,
    Slice,
    Waiting,
)
from photo_pipeline.domain.reprocess import Request
from photo_pipeline.operations.page import Access, Sources, photos_app
from photo_pipeline.operations.panels import Away, Panel
from photo_pipeline.operations.previews import SHOWN
from photo_pipeline.operations.tracing import Links, Trails

NOW = datetime(2026, 3, 9, 12, tzinfo=UTC)
HELD = UUID(int=6)
NASTY = '"><script>alert(1)</script>'
RECORD = "/rejected/photos.uploaded/0/7"


@dataclass
class Servers:
    """Stand-ins for all servers behind the page's ports."""

    away: set[str] = field(default_factory=set)
    reason: str = "unknown_customer"
    records: int = 3
    picture: bytes | None = b"\xff\xd8\xffjpeg"

    def overview(self) -> Overview:
        """See the port."""
        self._answer("PostgreSQL")
        rejected = [self._record()] if self.records else []
        return Overview(NOW, [], self._slices(), [], rejected, {}, [], Holds(0, []), None, Flow(None, 0, 0, None))

    def health(self) -> LedgerHealth:
        """See the port."""
        self._answer("PostgreSQL")
        return LedgerHealth(NOW)

    def feedable(self, request: Request) -> Feedable:
        """See the port."""
        self._answer("PostgreSQL")
        ada, grace = UUID(int=1), UUID(int=2)
        return Feedable((Refused(ada, "decoder_timeout", 9), Refused(grace, "corrupt", 3)), fed_before=2)

    def named(self, photo_id: UUID | None, customer_id: UUID | None) -> Named:
        """See the port."""
        self._answer("PostgreSQL")
        is_held = HELD in {photo_id, customer_id}
        return Named(1, customer_id if photo_id is None else UUID(int=1), is_held=is_held, is_barred=is_held)

    def logs(self) -> Sequence[KnownLog]:
        """See the port."""
        self._answer("PostgreSQL")
        return []

    def outcomes(self, window: timedelta, interval: timedelta) -> Sequence[OutcomeCount]:
        """See the port."""
        self._answer("PostgreSQL")
        return [OutcomeCount(NOW, "rejected", "upload", self.records, 9)] if self.records else []

    def slice(self, slice_id: int) -> Slice | None:
        """See the port."""
        self._answer("PostgreSQL")
        return next((one for one in self._slices() if one.slice_id == slice_id), None)

    def rejected(self, where: RecordCoordinates) -> Rejected | None:
        """See the port."""
        self._answer("PostgreSQL")
        return self._record() if where.offset == 7 else None

    def waiting(self, known: Sequence[KnownLog], now: datetime) -> Mapping[TopicPartition, Waiting]:
        """See the port."""
        self._answer("Kafka")
        return {TopicPartition("photos.uploaded", 0): Waiting(4711, now)}

    def troubles(self, known: Sequence[KnownLog]) -> Sequence[LogTrouble]:
        """See the port."""
        self._answer("Kafka")
        return []

    def documents(self) -> int:
        """See the port."""
        self._answer("Elasticsearch")
        return 42

    def index_of(self, document_id: str) -> str | None:
        """See the port."""
        self._answer("Elasticsearch")
        return "photos-2026.03"

    def jpeg(self, where: RecordCoordinates) -> bytes:
        """See the port."""
        self._answer("Kafka")
        if self.picture is None:
            raise NoPreviewError("The record is empty.")
        return self.picture

    def states(self) -> Sequence[DagState]:
        """See the port."""
        self._answer("Airflow's database")
        return [DagState("photo_ingest", paused=False, last_state="success", last_run_id="run", ended_at=NOW)]

    def _answer(self, server: str) -> None:
        if server in self.away:
            raise ServerUnavailableError(server, "refused")

    def _record(self) -> Rejected:
        where = RecordCoordinates("photos.uploaded", 0, 7)
        return Rejected(where, self.reason, NASTY, "upload", 9, UUID(int=1), NOW, NOW, None)

    def _slices(self) -> list[Slice]:
        where = Log("photos.uploaded", 0)
        return [Slice(5, where, 0, 3, "committed", 1, NOW, NOW, None, {"rejected": 3}, None)] if self.records else []


@dataclass
class Person:
    """Who looks."""

    status: int = 200
    may_reprocess: bool = True
    may_hold: bool = True
    may_erase: bool = True

    def read(self) -> None:
        """Refuse whoever may not look."""
        if self.status != 200:
            raise HTTPException(self.status, "Forbidden")

    def act(self) -> bool:
        """Whether this person may start photo_reprocess."""
        return self.may_reprocess

    def hold(self) -> bool:
        """Whether this person may start photo_hold."""
        return self.may_hold

    def erase(self) -> bool:
        """Whether this person may start photo_erase."""
        return self.may_erase


@dataclass(frozen=True, slots=True)
class Browser:
    """Asks for addresses of the page and follows nothing."""

    airflow: FastAPI

    def get(self, path: str, **parameters: str) -> Response:
        """One answer."""
        return asyncio.run(self._get(path, parameters))

    async def _get(self, path: str, parameters: Mapping[str, str]) -> Response:
        async with AsyncClient(transport=ASGITransport(self.airflow), base_url="http://testserver") as client:
            return await client.get(f"/photos-page{path}", params=parameters or None)


def client(servers: Servers, person: Person | None = None, memory: MemoryTrails | None = None) -> Browser:
    """A browser in front of the page, mounted as Airflow mounts it."""
    person = person or Person()
    trails = Trails(memory or MemoryTrails(), memory or MemoryTrails(), MemoryTasks())
    sources = Sources(servers, servers, servers, servers, servers, trails, Links(), servers, servers)
    access = Access(person.read, person.act, person.hold, person.erase, lambda address: f"/auth/login?next={address}")
    airflow = FastAPI()
    airflow.mount("/photos-page", photos_app(lambda: sources, access, "/photos-page"))
    return Browser(airflow)


WAY = "/records/photos.uploaded/0/7"
TRACED = ("/find?q=nothing", f"/photos/{PHOTO}", WAY, f"/customers/{ADA}", "/slices/5", "/rejected", RECORD)
FORMS = ("/reprocess", "/reprocess/preview", "/hold", "/hold/preview", "/erase", "/erase/preview")
PATHS = ("/", *TRACED, f"{RECORD}/preview.jpg", *FORMS)


@pytest.mark.parametrize("path", PATHS)
def test_nobody_unknown_is_let_in(path: str) -> None:
    """Without a log-in every address leads to it, and back to where one wanted to go."""
    answer = client(Servers(), Person(status=401)).get(path)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/auth/login?next=http://testserver/photos-page{path}"


@pytest.mark.parametrize("path", PATHS)
def test_who_may_not_see_the_ingest_sees_nothing(path: str) -> None:
    """A log-in alone is not enough."""
    answer = client(Servers(), Person(status=403)).get(path)
    assert answer.status_code == 403
    assert "photos.uploaded" not in answer.text


def test_a_reader_gets_no_button_no_form_and_no_picture() -> None:
    """Whoever may not start photo_reprocess may look at figures only."""
    reader = client(Servers(), Person(may_reprocess=False, may_hold=False, may_erase=False))
    for path in ("/", RECORD):
        page = reader.get(path)
        assert page.status_code == 200
        assert "reprocess?" not in page.text
        assert "preview.jpg" not in page.text
    for form in FORMS:
        assert reader.get(form).status_code == 403
    assert reader.get(f"{RECORD}/preview.jpg").status_code == 403


def test_the_page_needs_nothing_from_elsewhere() -> None:
    """No script, style or event handler stands in it, and its policy allows none; nobody else may frame it."""
    page = client(Servers()).get("/")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'self'" in policy
    assert page.headers["cache-control"] == "no-store"
    assert "<script>" not in page.text
    assert " style=" not in page.text
    assert "http://" not in page.text.replace("http://testserver", "")
    static = client(Servers()).get("/static/photos.js")
    assert static.status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/rejected/a%00b/0/7",
        "/rejected/%00/0/7/preview.jpg",
        "/rejected/a~99999999999999999999/0/7",
        f"/rejected/photos.uploaded/{2**31}/7",
        f"/rejected/photos.uploaded/0/{2**63 - 1}",
        f"/rejected/photos.uploaded/0/{'9' * 40}",
        f"/rejected/{'a' * 300}/0/7",
        f"/slices/{'9' * 40}",
        "/slices/%00",
        "/reprocess?customer_id=%00",
        "/static/%00",
    ],
)
def test_what_no_database_holds_is_asked_of_none(path: str) -> None:
    """No text, and numbers out of range: an answer of the 400s, while every server would say that it is away."""
    nobody = Servers(away={"PostgreSQL", "Kafka", "Elasticsearch", "Airflow's database"})
    assert client(nobody).get(path).status_code in {404, 422}


def test_what_the_database_refuses_to_look_for_is_not_there() -> None:
    """404: a value that it cannot hold is in none of its rows."""

    class Refusing(Servers):
        def slice(self, slice_id: int) -> Slice | None:
            raise UnstorableError

    assert client(Refusing()).get("/slices/5").status_code == 404


def test_figures_stand_in_the_page() -> None:
    """What waits, the outcomes and the search index, each in its place."""
    page = client(Servers()).get("/").text
    assert '<dd data-figure="waiting">4,711</dd>' in page
    assert '<b data-figure="day-rejected">3</b>' in page
    assert "<dd>42</dd>" in page
    assert 'href="/photos-page/slices/5"' in page


def test_what_a_sender_wrote_is_text() -> None:
    """Details and form values are whatever somebody sent."""
    page = client(Servers()).get(RECORD)
    assert NASTY not in page.text
    form = client(Servers()).get("/reprocess", **{"from": NASTY}, reason="corrupt", mode="dead_letters")
    assert form.status_code == 200
    assert NASTY not in form.text
    assert '<option value="corrupt" selected>' in form.text
    assert 'data-runs="/api/v2/dags/photo_reprocess/dagRuns"' in form.text


@pytest.mark.parametrize("server", ["PostgreSQL", "Kafka", "Elasticsearch", "Airflow's database"])
def test_a_server_that_is_away_is_said_and_the_rest_shown(server: str) -> None:
    """Never an error page because of one of them."""
    page = client(Servers(away={server})).get("/")
    assert page.status_code == 200
    assert f"{server.replace(chr(39), '&#39;')} does not answer" in page.text
    assert "In trouble" in page.text
    assert ("4,711" in page.text) == (server in {"Elasticsearch", "Airflow's database"})


def test_all_servers_away_is_a_page_too() -> None:
    """It says so, with the headings in place."""
    page = client(Servers(away={"PostgreSQL", "Kafka", "Elasticsearch", "Airflow's database"})).get("/")
    assert page.status_code == 200
    assert page.text.count("<h2") == 9


def test_an_empty_platform_reads_well() -> None:
    """Each part says that there is nothing yet."""
    page = client(Servers(records=0)).get("/").text
    for words in ("Nothing came in", "No micro-batch has been planned", "Nothing was rejected", "archive is empty"):
        assert words in page


@pytest.mark.parametrize(
    "path", ["/slices/6", "/rejected/photos.uploaded/0/8", "/rejected/photos.uploaded/0/8/preview.jpg"]
)
def test_what_is_not_there_is_said(path: str) -> None:
    """404 in words."""
    assert client(Servers()).get(path).status_code == 404


@pytest.mark.parametrize("path", ["/slices/-1", f"/slices/{2**63}", f"/rejected/t/{2**31}/1", "/rejected/t/0/x"])
def test_numbers_that_no_ledger_has_are_refused(path: str) -> None:
    """They never reach the database."""
    assert client(Servers()).get(path).status_code == 422


def test_a_detail_page_without_its_server_says_so() -> None:
    """503 in words, not an error."""
    answer = client(Servers(away={"PostgreSQL"})).get("/slices/5")
    assert answer.status_code == 503
    assert "PostgreSQL does not answer" in answer.text


def test_a_picture_is_a_jpeg_and_nothing_else() -> None:
    """Its type is ours, not the record's, and the browser is told not to guess."""
    picture = client(Servers()).get(f"{RECORD}/preview.jpg")
    assert picture.headers["content-type"] == "image/jpeg"
    assert picture.headers["x-content-type-options"] == "nosniff"
    assert client(Servers(picture=None)).get(f"{RECORD}/preview.jpg").status_code == 404


@pytest.mark.parametrize("reason", ["corrupt", "decoder_crashed", "decoder_timeout", "too_many_pixels"])
def test_what_decoders_refused_is_not_opened_again(reason: str) -> None:
    """The picture's address refuses, and the page says why there is none."""
    assert reason not in SHOWN
    browser = client(Servers(reason=reason))
    assert browser.get(f"{RECORD}/preview.jpg").status_code == 404
    assert "not opened again" in browser.get(RECORD).text


def test_a_slow_server_is_given_up_and_asked_by_one_thread_only() -> None:
    """However often the page is loaded meanwhile, one question waits; its answer serves the next page."""
    asked, released = [], Event()

    def ask() -> int:
        asked.append(1)
        released.wait(10)
        return 7

    with ThreadPoolExecutor(4) as threads:
        panel = Panel("Kafka", ask, threads, patience=0.01, keep=60.0)
        assert [panel.answer(), panel.answer()] == [Away("Kafka", "Kafka did not answer within 0.01 s")] * 2
        released.set()
        panel.start().result(10)
        assert panel.answer() == 7
    assert asked == [1]


def test_an_answer_is_kept_for_a_moment_only() -> None:
    """Time moves it on; an error is asked again, too."""
    numbers, now = iter(range(9)), [0.0]
    with ThreadPoolExecutor(1) as threads:
        panel = Panel("Kafka", lambda: next(numbers), threads, keep=2.0, clock=lambda: now[0])
        assert [panel.answer(), panel.answer()] == [0, 0]
        now[0] = 2.0
        assert panel.answer() == 1


def test_a_mistake_of_ours_takes_only_its_panel() -> None:
    """It is in the log, and its details are not on the page."""
    secrets: dict[str, str] = {}
    with ThreadPoolExecutor(1) as threads:
        answer = Panel("Kafka", lambda: secrets["password"], threads).answer()
    assert isinstance(answer, Away)
    assert "password" not in answer.said


def test_an_operator_sees_names_and_a_reader_none() -> None:
    """On no page of a way; a reader's requests do not even reach whoever knows names."""
    for path in TRACED:
        memory = MemoryTrails()
        seen = client(Servers(), Person(may_reprocess=False), memory).get(path)
        assert seen.status_code == 200, path
        assert memory.asked_names == 0, path
        assert "ada@example.org" not in seen.text
        assert "IMG_0001" not in seen.text
    for path in TRACED[1:]:
        page = client(Servers()).get(path).text
        assert "ada@example.org" in page or path == RECORD, "the stand-in's refused record is of somebody else"
        assert "IMG_0001.jpg" in page, path


def test_the_one_thing_that_fits_is_opened() -> None:
    """Within the application, wherever it is mounted; what resembles it is offered."""
    answer = client(Servers()).get("/find", q=f" {str(PHOTO).upper()} ")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/photos-page/photos/{PHOTO}")
    near = client(Servers()).get("/find", q=f"{str(PHOTO)[:-1]}0")
    assert f'href="/photos-page/photos/{PHOTO}"' in near.text
    assert f'value="{str(PHOTO)[:-1]}0"' in near.text, "what was typed can be mended"


def test_what_is_searched_for_is_text() -> None:
    """It comes back in the field, and never as markup."""
    page = client(Servers()).get("/find", q=NASTY)
    assert page.status_code == 200
    assert NASTY not in page.text
    assert client(Servers()).get("/find", q="%00").status_code == 200


def test_a_record_that_waits_has_a_page() -> None:
    """It says how many are before it; of a log that nobody knows there is none."""
    assert "It waits in Kafka" in client(Servers()).get("/records/photos.uploaded/0/15").text
    assert client(Servers()).get("/records/elsewhere/0/15").status_code == 404
    assert client(Servers()).get(f"/photos/{UUID(int=5)}").status_code == 404


def test_a_way_is_told_without_elasticsearch_too() -> None:
    """What analysts see is one step of it."""
    page = client(Servers(away={"Elasticsearch"})).get(WAY)
    assert page.status_code == 200
    assert "Elasticsearch does not answer" in page.text


NEVER = ("0000-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00")


def test_refused_records_are_narrowed_by_their_addresses() -> None:
    """Each group leads to its records alone; empty fields of the form are none, and what no id is is refused."""
    browser = client(Servers())
    page = browser.get("/rejected", reason="", customer="", device=str(CAMERA), days="1").text
    assert '<b data-figure="refused">1</b>' in page
    assert "reason=truncated" in page
    for other in ({"reason": "corrupt"}, {"device": str(PHOTO)}):
        assert '<b data-figure="refused">0</b>' in browser.get("/rejected", **other).text
    for wrong in ({"days": "900"}, {"page": "-1"}, {"until": "yesterday"}, *({"until": each} for each in NEVER)):
        answer = browser.get("/rejected", **wrong)
        assert answer.status_code == 422
        assert next(iter(wrong)) in answer.text
        assert answer.headers["content-type"].startswith("text/html")


def test_a_mistake_in_a_field_is_said_beside_it() -> None:
    """No id, a customer that there is none of, a mail address by somebody who is to know none."""
    browser = client(Servers())
    assert "This is no id of a device." in browser.get("/rejected", device="x").text
    assert "No customer has this mail address." in browser.get("/rejected", customer="bob@example.org").text
    found = browser.get("/rejected", customer="ADA@example.org ").text
    assert '<b data-figure="refused">1</b>' in found
    reader = client(Servers(), Person(may_reprocess=False))
    assert "This is no id of a customer." in reader.get("/rejected", customer="ada@example.org").text


def test_a_list_goes_on_behind_a_record_only() -> None:
    """A customer's older records are asked for by the last one that was shown."""
    path = f"/customers/{ADA}"
    assert client(Servers()).get(path, before=NOW.isoformat(), record="photos.uploaded-0-7").status_code == 200
    assert client(Servers()).get(path, before=NOW.isoformat(), record="x").status_code == 404


WINDOW = {"mode": "dead_letters", "from": "2026-03-09T12:00:00+00:00", "to": "2026-03-09T13:00:00+00:00"}


def test_a_form_says_what_it_would_do_before_it_is_asked_for() -> None:
    """How many records of whom; which will be rejected again, and which were fed before."""
    said = client(Servers()).get("/reprocess/preview", **WINDOW).json()
    assert said["said"] == (
        f"Feeds 12 records: 9 of customer {UUID(int=1)}, 3 of customer {UUID(int=2)}. 3 of them will be rejected "
        "again: they were for what they are. 2 more were fed before and are left out."
    )
    assert said["customers"] == [str(UUID(int=1)), str(UUID(int=2))]
    renditions = client(Servers()).get("/reprocess/preview", **{**WINDOW, "mode": "renditions"}).json()
    assert renditions["said"] == "How many photos that is, the run finds out."


@pytest.mark.parametrize(
    ("form", "fields", "field"),
    [
        ("reprocess", {**WINDOW, "to": WINDOW["from"]}, "from"),
        ("reprocess", {**WINDOW, "to": ""}, "to"),
        ("reprocess", {**WINDOW, "customer_id": "ada"}, "customer_id"),
        ("reprocess", {**WINDOW, "mode": "renditions", "reason": "corrupt"}, "reason"),
        ("reprocess", {**WINDOW, "record": NASTY}, "record"),
        ("hold", {"by": "counsel", "reason": "case 7", "photo_id": "holiday.jpg"}, "photo_id"),
        ("hold", {"by": "counsel", "photo_id": str(UUID(int=5))}, "reason"),
        ("hold", {"reason": "case 7", "photo_id": str(UUID(int=5))}, "by"),
        (
            "hold",
            {"by": "counsel", "reason": "a", "photo_id": str(UUID(int=5)), "customer_id": str(UUID(int=2))},
            "customer_id",
        ),
        ("erase", {"by": "counsel", "reason": "case 7", "photo_id": "holiday.jpg"}, "photo_id"),
        ("erase", {"by": "counsel", "photo_id": str(UUID(int=5))}, "reason"),
        ("erase", {"reason": "case 7", "customer_id": str(UUID(int=5))}, "by"),
    ],
)
def test_a_mistake_is_said_at_its_field(form: str, fields: dict[str, str], field: str) -> None:
    """What the run would end red for is known before it starts."""
    said = client(Servers()).get(f"/{form}/preview", **fields).json()
    assert said["field"] == field
    assert said["problem"].startswith(field)


def test_a_hold_says_what_it_keeps() -> None:
    """A photo's, and a customer's with those to come; a lift of what is not held changes nothing."""
    browser, asks = client(Servers()), {"by": "counsel", "reason": "case 7"}
    photo = browser.get("/hold/preview", **asks, photo_id=str(UUID(int=5))).json()
    assert photo["said"] == f"Keeps one photo, of customer {UUID(int=1)}."
    everything = browser.get("/hold/preview", **asks, customer_id=str(UUID(int=1))).json()
    assert everything["said"] == "Keeps all photos of this customer, 1 now, and those to come."
    lift = browser.get("/hold/preview", **asks, photo_id=str(UUID(int=5)), action="lift").json()
    assert lift["said"] == "There is no such hold: nothing changes."
    assert 'data-runs="/api/v2/dags/photo_hold/dagRuns"' in browser.get("/hold").text


def test_an_erasure_says_what_is_gone_after_it() -> None:
    """A photo's and a customer's; that a hold stands in its way; and a photo's own page leads to it, filled in."""
    browser, asks = client(Servers()), {"by": "counsel", "reason": "case 7"}
    photo = browser.get("/erase/preview", **asks, photo_id=str(UUID(int=5))).json()
    assert photo["said"] == f"Erases one photo, of customer {UUID(int=1)}, for good."
    customer = browser.get("/erase/preview", **asks, customer_id=str(UUID(int=1))).json()
    assert customer["said"] == "Closes this customer's account and erases all of their photos, 1 now, for good."
    held = browser.get("/erase/preview", **asks, photo_id=str(HELD)).json()
    assert held["said"].endswith("It is held: a hold of an operator's must be lifted first.")
    theirs = browser.get("/erase/preview", **asks, customer_id=str(HELD)).json()
    assert theirs["said"].endswith("Something of theirs is held: a hold of an operator's must be lifted first.")
    assert f'href="/photos-page/erase?photo_id={PHOTO}"' in browser.get(f"/photos/{PHOTO}").text
    assert 'data-runs="/api/v2/dags/photo_erase/dagRuns"' in browser.get("/erase").text


@pytest.mark.parametrize(("reason", "offered"), [("unknown_customer", True), ("corrupt", False), ("truncated", False)])
def test_feed_again_is_offered_only_where_it_can_help(reason: str, *, offered: bool) -> None:
    """Bytes stay what they are: what was refused for them would be refused again."""
    browser = client(Servers(reason=reason))
    assert ("Feed again" in browser.get("/").text) is offered
    assert ("Feed again" in browser.get(RECORD).text) is offered
