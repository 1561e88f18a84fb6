"""The Photos page where an operator sees it: in Airflow's own UI, on the whole stack."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import psycopg
import pytest
from confluent_kafka import Producer
from playwright.sync_api import Browser, FrameLocator, Locator, Page, expect
from tests.support.browser import NARROW, WIDE, assert_fits, assert_no_barrier, photographed
from tests.support.pipeline import event_record, photo_event
from tests.support.uploading import photo, signed_in

from local_stack import Endpoints
from photo_pipeline.domain.photo import Source
from photo_pipeline.settings import TopicNames

PATIENCE = 90.0
FRAME = 'iframe[title="Photos"]'
UI_MILLISECONDS = 30_000
TRIES = 10
NAME = "At the sea.jpg"


@dataclass(frozen=True, slots=True)
class Arrived:
    """What a customer of this module sent: a photo, and one that is cut off, at that place."""

    topic: str
    partition: int
    offset: int
    photo_id: str
    receipt: str
    email: str


@pytest.fixture(scope="module")
def arrived(full_stack: Endpoints) -> Arrived:
    """Send a good and a damaged photo, and wait until both have their outcome."""
    with closing(signed_in(full_stack.api_url)) as customer:
        whole, cut = photo(uuid4().int % 2**31), photo(uuid4().int % 2**31)
        files = [("files", (NAME, data)) for data in (whole, cut[:-200])]
        receipts = customer.post("/photos", files=files).raise_for_status().json()["receipts"]
        _eventually(lambda: [_status(customer, receipt) for receipt in receipts] == ["processed", "rejected"])
    whole_one, cut_one = receipts
    where = (cut_one["topic"], cut_one["partition"], cut_one["offset"])
    owner = "SELECT email FROM customer JOIN photo USING (customer_id) WHERE photo_id = %s"
    ((email,),) = _sql(full_stack, owner, whole_one["photo_id"])
    return Arrived(*where, whole_one["photo_id"], whole_one["token"], str(email))


@pytest.fixture(scope="module")
def stranger(full_stack: Endpoints, arrived: Arrived) -> Arrived:
    """Write a record of a customer who does not exist, as any producer could, and wait until it is rejected."""
    event = photo_event(uuid4(), photo(uuid4().int % 2**31), Source.UPLOAD)
    record = event_record(TopicNames(), event)
    producer = Producer({"bootstrap.servers": full_stack.kafka_bootstrap_servers})
    producer.produce(record.topic, record.value, record.key, headers=list(record.headers))
    producer.flush(PATIENCE)
    query = 'SELECT topic, partition, "offset" FROM ingest_record WHERE customer_id = %s'
    _eventually(lambda: bool(_sql(full_stack, query, event.customer_id)))
    ((topic, partition, offset),) = _sql(full_stack, query, event.customer_id)
    return replace(arrived, topic=str(topic), partition=int(str(partition)), offset=int(str(offset)))


@pytest.fixture(scope="module")
def shots() -> Path:
    """Where pictures of the page go."""
    return Path(__file__).resolve().parents[3] / ".cache" / "pictures"


@pytest.fixture(scope="module")
def operator(browser: Browser, full_stack: Endpoints, arrived: Arrived) -> Iterator[Page]:
    """Give Airflow's UI as its administrator sees it."""
    yield from _logged_in(browser, full_stack, full_stack.airflow_user, full_stack.airflow_password)


@pytest.fixture(scope="module")
def reader(browser: Browser, full_stack: Endpoints, arrived: Arrived) -> Iterator[Page]:
    """Give Airflow's UI as somebody sees it who may only look."""
    yield from _logged_in(browser, full_stack, full_stack.airflow_viewer_user, full_stack.airflow_viewer_password)


def test_figures_in_airflows_navigation_equal_sql(operator: Page, full_stack: Endpoints) -> None:
    """The page opens from the navigation; outcomes of the day, the archive's days and what waits are the database's."""
    frame = _opened(operator, full_stack)
    for _ in range(TRIES):
        # Other tests may be sending photos meanwhile.
        before, shown = _figures(full_stack), _shown(frame)
        if shown == before:
            break
        frame.get_by_role("link", name="Look again").click()
        expect(frame.get_by_role("heading", name="Last 24 hours")).to_be_visible()
    assert shown == before
    assert before["processed"] != "0"
    assert before["rejected"] != "0"


def test_the_page_has_no_barrier_and_fits_any_window(operator: Page, full_stack: Endpoints, shots: Path) -> None:
    """Wide and narrow, in the light and in the dark; the pictures are kept for whoever wants to look."""
    page = operator.context.new_page()
    for name, size in {"wide": WIDE, "narrow": NARROW}.items():
        page.set_viewport_size(size)
        page.goto(f"{full_stack.airflow_url}/photos-page/")
        expect(page.get_by_role("heading", name="How far behind")).to_be_visible()
        assert_fits(page)
        assert_no_barrier(page)
        photographed(page, shots, f"photos-page-{name}")
    page.emulate_media(color_scheme="dark")
    assert_no_barrier(page)
    page.close()


def test_the_page_looks_again_by_itself(operator: Page, full_stack: Endpoints) -> None:
    """While it is seen; what the reader has unfolded stays so, and a part in which they are is left alone."""
    page = operator.context.new_page()
    page.clock.install()
    page.goto(f"{full_stack.airflow_url}/photos-page/")
    day = page.locator("section[aria-labelledby=day]")
    day.locator("summary").click()
    page.evaluate("document.activeElement.blur()")
    page.locator("section[aria-labelledby=lag] .scroll").focus()
    page.evaluate("known.clear(); for (const part of document.querySelectorAll(PARTS)) part.dataset.old = ''")
    page.clock.fast_forward("00:31")
    expect(page.locator("section[aria-labelledby=week]:not([data-old])")).to_have_count(1)
    expect(day).not_to_have_attribute("data-old", "")
    assert day.locator("details").evaluate("one => one.open")
    expect(page.locator("section[aria-labelledby=lag]")).to_have_attribute("data-old", "")
    page.close()


def test_the_page_asks_nobody_else(operator: Page, full_stack: Endpoints) -> None:
    """Every request of the page goes to Airflow."""
    page = operator.context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{full_stack.airflow_url}/photos-page/", wait_until="networkidle")
    page.close()
    assert len(asked) >= 3
    assert {urlsplit(url).netloc for url in asked} == {urlsplit(full_stack.airflow_url).netloc}


def test_the_button_opens_the_filled_form_and_follows_the_run(
    operator: Page, full_stack: Endpoints, arrived: Arrived, stranger: Arrived, shots: Path
) -> None:
    """Where it can help; for this record alone, which the form says, with its mistakes at the field, and to the end."""
    frame = _opened(operator, full_stack)
    expect(_row(frame, arrived).get_by_role("link", name="Feed again")).to_have_count(0)
    _row(frame, stranger).get_by_role("link", name="Feed again").click()
    expect(frame.get_by_role("heading", name="Start photo_reprocess")).to_be_visible()
    wanted = _rejection(full_stack, stranger)
    start, end = wanted.pop("from"), wanted.pop("to")
    assert {name: frame.locator(f"[name={name}]").input_value() for name in wanted} == wanted
    assert [frame.locator(f"[name={name}]").input_value()[:16] for name in ("from", "to")] == [start[:16], end[:16]]
    expect(operator).to_have_url(re.compile(r"\breason=unknown_customer\b"))  # the address can be passed on
    preview, button = frame.locator("#preview"), frame.get_by_role("button", name="Start")
    expect(preview).to_have_text(f"Feeds 1 record: 1 of customer {wanted['customer_id']}.")
    frame.locator("[name=record]").fill("the first one")
    expect(frame.locator("#problem-record")).to_contain_text("record must be a record's name")
    expect(button).to_be_disabled()
    frame.locator("[name=record]").fill(wanted["record"])
    expect(button).to_be_enabled()
    photographed(operator, shots, "photos-page-form")
    button.click()
    said = frame.locator("#said")
    run_id = said.get_by_role("link").inner_text()
    found = operator.request.get(f"{full_stack.airflow_url}/api/v2/dags/photo_reprocess/dagRuns/{run_id}").json()
    assert {name: found["conf"][name] for name in wanted} == wanted
    assert (found["conf"]["from"], found["conf"]["to"]) == (start, end)
    expect(said).to_contain_text("has done it", timeout=UI_MILLISECONDS * 2)
    assert _sql(full_stack, "SELECT count(*) FROM refed_record WHERE request_id = %s", run_id) == [(1,)]
    said.get_by_role("link").click()
    operator.wait_for_url("**/dags/photo_reprocess/runs/**")


def test_a_hold_is_checked_before_it_is_set(operator: Page, full_stack: Endpoints) -> None:
    """The form of the page's own says what it keeps; nothing is held by looking."""
    page = operator.context.new_page()
    page.goto(f"{full_stack.airflow_url}/photos-page/hold")
    query = "SELECT photo_id::text, customer_id::text FROM photo WHERE status = 'processed' LIMIT 1"
    ((photo_id, customer_id),) = _sql(full_stack, query)
    page.get_by_label("Photo; empty").fill("holiday.jpg")
    expect(page.locator("#problem-photo_id")).to_contain_text("photo_id must be an id")
    page.get_by_label("Photo; empty").fill(str(photo_id))
    expect(page.locator("#problem-by")).to_contain_text("by must say who asks")
    page.get_by_label("Who asks").fill("counsel")
    page.get_by_label("Reason").fill("case 7")
    expect(page.locator("#preview")).to_contain_text(f"Keeps one photo, of customer {customer_id}.")
    assert_no_barrier(page)
    # Started all the same, past every form: red, and no concern of the platform's health.
    runs = f"{full_stack.airflow_url}/api/v2/dags/photo_hold/dagRuns"
    run = page.request.post(runs, data={"logical_date": None, "conf": {"by": "counsel", "reason": "case 7"}}).json()
    _eventually(lambda: page.request.get(f"{runs}/{run['dag_run_id']}").json()["state"] == "failed")
    page.goto(f"{full_stack.airflow_url}/photos-page/")
    dags = page.locator("section[aria-labelledby=dags]")
    expect(dags.get_by_role("row").filter(has_text="photo_hold")).to_contain_text("failed")
    expect(page.locator("header")).not_to_contain_text("photo_hold")
    page.close()


def test_a_record_has_a_page_that_never_shows_its_bytes(
    operator: Page, full_stack: Endpoints, arrived: Arrived
) -> None:
    """A damaged photo has no picture, and the page says why."""
    frame = _opened(operator, full_stack)
    frame.get_by_role("link", name=f"{arrived.topic}-{arrived.partition}-{arrived.offset}", exact=True).click()
    expect(frame.get_by_text("the photo itself was refused")).to_be_visible()
    address = f"{full_stack.airflow_url}/photos-page/rejected/{arrived.topic}/{arrived.partition}/{arrived.offset}"
    assert operator.request.get(f"{address}/preview.jpg").status == 404


def test_a_task_leads_to_its_slice_and_shard(operator: Page, full_stack: Endpoints) -> None:
    """The extra link of a task that processed a slice opens that slice's page, with the shard's path."""
    api = f"{full_stack.airflow_url}/api/v2/dags/photo_ingest/dagRuns"
    query = "task_id=process_slice&state=success&order_by=-start_date&limit=1"
    task = operator.request.get(f"{api}/~/taskInstances?{query}").json()["task_instances"][0]
    place = f"{api}/{task['dag_run_id']}/taskInstances/process_slice/links?map_index={task['map_index']}"
    links = operator.request.get(place).json()["extra_links"]
    assert links["Gallery"] == full_stack.api_url
    assert links["Dashboards"] is None, "there is no Kibana here"
    link = links["Slice and shard"]
    operator.goto(f"{full_stack.airflow_url}{link}")
    frame = operator.frame_locator(FRAME)
    slice_id = link.rpartition("/")[2]
    expect(frame.get_by_role("heading", name=f"Slice {slice_id}")).to_be_visible()
    ((path,),) = _sql(full_stack, "SELECT coalesce(max(path), 'no shard') FROM shard WHERE slice_id = %s", slice_id)
    expect(frame.locator("#shard")).to_contain_text(str(path))
    events = operator.request.get(
        f"{full_stack.airflow_url}/api/v2/assets/events",
        params={"source_run_id": task["dag_run_id"], "source_map_index": task["map_index"]},
    )
    extras = [event["extra"] for event in events.json()["asset_events"]]
    told = {name: value for extra in extras for name, value in extra.items()}
    ((length, photos),) = _sql(
        full_stack,
        "SELECT coalesce(sum(length), 0)::bigint, coalesce(sum(photos), 0) FROM shard WHERE slice_id = %s",
        slice_id,
    )
    assert (told["bytes"], told["photos"]) == (length, photos), "the asset view tells what the micro-batch changed"
    assert told["records"] >= 0


def test_a_reader_sees_figures_and_cannot_act(reader: Page, full_stack: Endpoints, arrived: Arrived) -> None:
    """No button, no form, no picture; and Airflow itself refuses the reader's request to start the DAG."""
    frame = _opened(reader, full_stack)
    expect(frame.get_by_role("heading", name="Rejected records")).to_be_visible()
    expect(frame.get_by_role("link", name=f"{arrived.topic}-{arrived.partition}-{arrived.offset}")).to_have_count(1)
    expect(frame.get_by_role("link", name="Feed again")).to_have_count(0)
    assert reader.request.get(f"{full_stack.airflow_url}/photos-page/reprocess").status == 403
    runs = f"{full_stack.airflow_url}/api/v2/dags/photo_reprocess/dagRuns"
    conf = {"mode": "dead_letters", "from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}
    assert reader.request.post(runs, data={"logical_date": None, "conf": conf}).status == 403


def test_an_operator_follows_a_mistyped_receipt(
    operator: Page, full_stack: Endpoints, arrived: Arrived, shots: Path
) -> None:
    """Find, choose what is nearest, and there is the whole way: two clicks on the page Photos; then its task's log."""
    frame = _opened(operator, full_stack)
    _mistyped(frame, arrived)
    for name in ("Received", "Waited", "Slice", "Worker", "Outcome", "Shard", "Published", "Indexed", "Expires"):
        expect(frame.locator("ol.way b", has_text=name)).to_have_count(1)
    expect(frame.locator("ol.way")).to_contain_text(arrived.email)
    expect(frame.locator("ol.way")).to_contain_text(NAME)
    ((path, start, length),) = _sql(
        full_stack,
        """SELECT path, "offset", rendition.length FROM rendition JOIN shard USING (shard_id)
            WHERE photo_id = %s AND rendition.kind = 'original'""",
        arrived.photo_id,
    )
    expect(frame.locator("ol.way")).to_contain_text(str(path))
    end = int(str(start)) + int(str(length)) - 1
    expect(frame.get_by_role("region", name="Renditions")).to_contain_text(f"{start}-{end}")
    _looked_at(operator, full_stack, arrived, shots)
    frame.get_by_role("link", name="Slice ").click()
    records = frame.get_by_role("region", name="Records of the slice")
    expect(records.get_by_role("link", name=arrived.email).first).to_be_visible()
    operator.go_back()
    frame.get_by_role("link", name="Task and log").click()
    operator.wait_for_url("**/dags/photo_ingest/runs/*/tasks/process_slice/**")


def test_a_receipt_is_found_by_whatever_is_left_of_it(operator: Page, full_stack: Endpoints, arrived: Arrived) -> None:
    """Pasted with its address, cut at its end: one click. A position leads to its record, an address to its owner."""
    frame = _opened(operator, full_stack)
    _find(frame, f"{full_stack.api_url}/api/v1/receipts/{arrived.receipt[:-30]}")
    expect(frame.get_by_role("heading", name=f"Photo {arrived.photo_id}")).to_be_visible()
    _find(frame, f"{arrived.topic}/{arrived.partition}@{arrived.offset}")
    expect(frame.locator("#lead")).to_contain_text("cut off")
    _find(frame, arrived.email.upper())
    theirs = frame.get_by_role("region", name="Records of the customer")
    expect(theirs.get_by_role("row").filter(has_text="processed")).to_have_count(1)
    expect(theirs.get_by_role("row").filter(has_text="rejected")).not_to_have_count(0)
    frame.get_by_role("link", name="Rejected records of this customer").click()
    groups = frame.get_by_role("region", name="Rejected records by reason, customer and device")
    expect(groups).to_contain_text("truncated")
    expect(groups).to_contain_text(arrived.email)
    expect(frame.get_by_role("region", name="Rejected records one by one")).to_contain_text(NAME)


def test_a_reader_follows_a_receipt_and_learns_no_name(reader: Page, full_stack: Endpoints, arrived: Arrived) -> None:
    """The same three clicks and the same way, without whose photo it is and what it is called."""
    frame = _opened(reader, full_stack)
    _mistyped(frame, arrived)
    expect(frame.locator("ol.way b", has_text="Expires")).to_have_count(1)
    expect(frame.get_by_role("link", name="Task and log")).to_have_count(1)
    expect(frame.locator("main")).not_to_contain_text(arrived.email)
    expect(frame.locator("main")).not_to_contain_text(NAME)
    _find(frame, arrived.email)
    expect(frame.get_by_text("are for accounts that may start photo_reprocess")).to_be_visible()
    for path in (f"records/{arrived.topic}/{arrived.partition}/{arrived.offset}", "rejected"):
        page = reader.request.get(f"{full_stack.airflow_url}/photos-page/{path}").text()
        assert arrived.email not in page
        assert NAME not in page


def test_nobody_unknown_sees_anything(full_stack: Endpoints) -> None:
    """Without a log-in the page leads to Airflow's, and back; a made-up token does not help."""
    address = f"{full_stack.airflow_url}/photos-page/"
    answer = httpx.get(address)
    assert answer.status_code == 303
    assert urlsplit(answer.headers["location"]).path == "/auth/login"
    assert parse_qs(urlsplit(answer.headers["location"]).query)["next"] == [address]
    assert httpx.get(address, headers={"Authorization": "Bearer x.y.z"}).status_code == 403


def _logged_in(browser: Browser, endpoints: Endpoints, user: str, password: str) -> Iterator[Page]:
    context = browser.new_context(viewport=WIDE)
    page = context.new_page()
    page.goto(endpoints.airflow_url)
    page.get_by_label("Username").fill(user)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    # Airflow's UI loads its texts and plugins one after the other.
    expect(page.get_by_role("link", name="Photos", exact=True)).to_be_visible(timeout=UI_MILLISECONDS)
    yield page
    context.close()


def _mistyped(frame: FrameLocator, arrived: Arrived) -> None:
    """Look for the photo's id with a slip in it, and take the nearest: with the page's own link three clicks."""
    slip = "0" if arrived.photo_id[-1] != "0" else "1"
    _find(frame, f" {arrived.photo_id[:-1]}{slip}".upper())
    expect(frame.get_by_role("heading", name="Nothing is exactly that")).to_be_visible()
    frame.get_by_role("link", name=f"Photo {arrived.photo_id}").click()
    expect(frame.get_by_role("heading", name=f"Photo {arrived.photo_id}")).to_be_visible()


def _find(frame: FrameLocator, typed: str) -> None:
    frame.get_by_role("searchbox", name="Find a photo").fill(typed)
    frame.get_by_role("button", name="Find").click()


def _looked_at(operator: Page, endpoints: Endpoints, arrived: Arrived, shots: Path) -> None:
    """The ways' pages have no barrier and fit a phone, in the light and in the dark."""
    page = operator.context.new_page()
    paths = {"way": f"photos/{arrived.photo_id}", "refused": "rejected", "find": "find?q=0000000000000000"}
    for name, path in paths.items():
        page.goto(f"{endpoints.airflow_url}/photos-page/{path}")
        for shape, size in {"wide": WIDE, "narrow": NARROW}.items():
            page.set_viewport_size(size)
            assert_fits(page)
            photographed(page, shots, f"photos-page-{name}-{shape}")
        assert_no_barrier(page)
        page.emulate_media(color_scheme="dark")
        assert_no_barrier(page)
        page.emulate_media(color_scheme="light")
    page.close()


def _opened(page: Page, endpoints: Endpoints) -> FrameLocator:
    if not page.url.startswith(endpoints.airflow_url) or "/plugin/" in page.url:
        page.goto(endpoints.airflow_url)
    page.get_by_role("link", name="Photos", exact=True).click()
    frame = page.frame_locator(FRAME)
    expect(frame.get_by_role("heading", name="Last 24 hours")).to_be_visible(timeout=UI_MILLISECONDS)
    return frame


def _row(frame: FrameLocator, record: Arrived) -> Locator:
    name = f"{record.topic}-{record.partition}-{record.offset}"
    return frame.get_by_role("row").filter(has=frame.get_by_role("link", name=name, exact=True))


def _shown(frame: FrameLocator) -> dict[str, str]:
    outcomes = ("processed", "duplicate", "rejected")
    shown = {name: frame.locator(f"[data-figure=day-{name}]").inner_text() for name in outcomes}
    rows = frame.get_by_role("region", name="The archive by day").locator("tbody tr").all()
    days = [[cell.inner_text() for cell in row.locator("th, td").all()[:4]] for row in rows]
    return {**shown, "archive": str(days)}


def _figures(endpoints: Endpoints) -> dict[str, str]:
    query = """
        SELECT o.outcome, to_char(count(r.*), 'FM999,999,999') FROM unnest(ARRAY['processed', 'duplicate', 'rejected'])
            AS o (outcome) LEFT JOIN ingest_record r ON r.outcome = o.outcome
           AND r.processed_at >= now() - interval '24 hours'
         GROUP BY 1"""
    days = """
        SELECT dt::text, kind, to_char(count(*), 'FM999,999,999'), to_char(sum(photos), 'FM999,999,999') FROM shard
         WHERE state <> 'removed' GROUP BY dt, kind ORDER BY dt DESC, kind"""
    counts = {str(outcome): str(records) for outcome, records in _sql(endpoints, query)}
    return {**counts, "archive": str([list(row) for row in _sql(endpoints, days)])}


def _rejection(endpoints: Endpoints, arrived: Arrived) -> dict[str, str]:
    """What the form is to hold, worked out by the database."""
    query = """
        SELECT customer_id::text, reason,
               to_char(date_trunc('second', processed_at), 'YYYY-MM-DD"T"HH24:MI:SS"+00:00"'),
               to_char(date_trunc('second', processed_at) + interval '1 second', 'YYYY-MM-DD"T"HH24:MI:SS"+00:00"')
          FROM ingest_record WHERE topic = %s AND "partition" = %s AND "offset" = %s"""
    ((customer, reason, start, end),) = _sql(endpoints, query, arrived.topic, arrived.partition, arrived.offset)
    record = f"{arrived.topic}-{arrived.partition}-{arrived.offset}"
    values = {"customer_id": customer, "reason": reason, "from": start, "to": end, "mode": "dead_letters"}
    values["record"] = record
    return {name: str(value) for name, value in values.items()}


def _sql(endpoints: Endpoints, query: str, *values: object) -> list[tuple[object, ...]]:
    with psycopg.connect(endpoints.database_url, options="-c timezone=UTC") as connection:
        return connection.execute(query.encode(), values or None).fetchall()


def _status(customer: httpx.Client, receipt: dict[str, str]) -> str:
    return str(customer.get(f"/receipts/{receipt['token']}").raise_for_status().json()["status"])


def _eventually(true: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < until, "the photos have no outcome yet"
        time.sleep(0.5)
