"""What a figure is made of: what it counts, by what it is broken down, and the SQL that must say the same."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

MISSING = "none"
"""The key of what has no value, in Elasticsearch and in SQL."""


class Interval(StrEnum):
    """Width of a bucket of time; the words are those of Elasticsearch and of PostgreSQL's ``date_trunc``."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"

    @classmethod
    def fitting(cls, span: timedelta) -> "Interval":
        """The width that leaves a chart between a few and some hundred buckets."""
        for longest, interval in _LONGEST:
            if span <= longest:
                return interval
        return cls.MONTH


_LONGEST = (
    (timedelta(hours=2), Interval.MINUTE),
    (timedelta(days=5), Interval.HOUR),
    (timedelta(days=100), Interval.DAY),
)


@dataclass(frozen=True, slots=True)
class Scope:
    """Which outcomes are asked for, by the time at which they were settled.

    Attributes:
        since: the first moment, with a zone.
        until: the moment after the last.
        interval: of charts over time.
    """

    since: datetime
    until: datetime
    interval: Interval

    @classmethod
    def between(cls, since: datetime, until: datetime) -> "Scope":
        """The scope whose charts have a readable number of buckets."""
        return cls(since.astimezone(UTC), until.astimezone(UTC), Interval.fitting(until - since))

    def earlier(self) -> "Scope":
        """The period of the same length right before this one."""
        by = self.until - self.since
        return replace(self, since=self.since - by, until=self.until - by)


@dataclass(frozen=True, slots=True)
class Where:
    """A field that has one value."""

    field: str
    value: str


@dataclass(frozen=True, slots=True)
class Terms:
    """One row per value of a field, most frequent first and then by the value's bytes; what has none is ``MISSING``.

    Attributes:
        field: what is counted by.
        label: for people.
        size: the most rows.
        closed: every record has a value, and there are no more than ``size`` of them: nothing is left over.
    """

    field: str
    label: str
    size: int
    closed: bool = False


@dataclass(frozen=True, slots=True)
class OverTime:
    """One row per ``Scope.interval`` of ``processed_at``, in UTC, where there is anything.

    Attributes:
        label: for people.
        width: of the rows, whatever the scope's interval.
    """

    label: str = "time (UTC)"
    width: Interval | None = None


@dataclass(frozen=True, slots=True)
class Ranges:
    """One row per range of a number, where there is anything. The key is how many bounds the number has reached.

    Attributes:
        field: what has no number is left out.
        label: for people.
        bounds: ascending; a number that equals one belongs to the range above it.
        names: one for each range, one more than bounds.
    """

    field: str
    label: str
    bounds: tuple[float, ...]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Count:
    """How many outcomes; with ``where``, how many of the row's."""

    label: str
    where: Where | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """Which part of the row's outcomes, 0 to 1."""

    label: str
    where: Where


@dataclass(frozen=True, slots=True)
class Sum:
    """The sum of a field; what has no number adds nothing."""

    label: str
    field: str


@dataclass(frozen=True, slots=True)
class Distinct:
    """How many values of a field there are.

    Elasticsearch counts up to ``DISTINCT_EXACT`` of them nearly exactly, and estimates beyond.
    """

    label: str
    field: str


DISTINCT_EXACT = 40_000
"""The most that Elasticsearch lets one ask for."""


@dataclass(frozen=True, slots=True)
class Percentile:
    """The value that so many per cent do not exceed; no value where there are no numbers.

    Elasticsearch estimates it (t-digest): see ``RANK_TOLERANCE``.
    """

    label: str
    field: str
    percent: int


RANK_TOLERANCE = 0.01
"""How far, as a part of all numbers, the rank of an estimated percentile may be from the rank asked for; in small sets
a percentile may lie anywhere between the two numbers around its rank."""

Dimension = Terms | OverTime | Ranges

OUTCOME_COLOURS = {"processed": "#0f8f7e", "duplicate": "#2f7fd0", "rejected": "#d0442f"}
"""Green, blue and red: in Kibana as in the report, in every chart."""

Measure = Count | Share | Sum | Distinct | Percentile


class Chart(StrEnum):
    """How a figure is drawn."""

    NUMBERS = "numbers"
    STACKED = "stacked"
    """Bars over time, one colour per value of the second dimension."""
    BARS = "bars"
    """One per row of the first measure, from left to right."""
    COLUMNS = "columns"
    """Over time, of the only measure."""
    LINES = "lines"
    """Over time, one line per measure."""
    TABLE = "table"


class Page(StrEnum):
    """The dashboard a figure belongs to."""

    PHOTOS = "Photos processed"
    HEALTH = "Pipeline health"


@dataclass(frozen=True, slots=True)
class Figure:
    """One question and its two answers.

    Attributes:
        name: stable; ids are made of it.
        page: the dashboard.
        title: a few words.
        about: what exactly is counted, one sentence.
        chart: how it is drawn.
        dimensions: what the rows are, outermost first.
        measures: what each row says, after the dimensions' keys.
        where: which outcomes, on top of the scope.
        sql: the same rows in the same order from the view ``bi_outcome``. Parameters: ``since``, ``until``,
            ``interval``.
        unit: of the measures: ``records``, ``bytes``, ``ms`` or ``share``.
        compared: whether each number stands beside that of the period before; over time, of a week before.
    """

    name: str
    page: Page
    title: str
    about: str
    chart: Chart
    dimensions: tuple[Dimension, ...]
    measures: tuple[Measure, ...]
    sql: str
    where: tuple[Where, ...] = ()
    unit: str = "records"
    compared: bool = False


Key = str | int | datetime
Value = int | float | None


@dataclass(frozen=True, slots=True)
class Row:
    """A line of an answer: one key per dimension, one value per measure."""

    keys: tuple[Key, ...]
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What Elasticsearch said.

    Attributes:
        rows: in the figure's order.
        exact: whether no shard left anything out that might have counted (see Elasticsearch,
            ``doc_count_error_upper_bound``).
    """

    rows: tuple[Row, ...]
    exact: bool
