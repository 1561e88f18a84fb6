"""Figures of what became of the records, and how fast."""

from dataclasses import replace
from textwrap import dedent

from photo_pipeline.bi.shapes import (
    DUPLICATE,
    KINDS,
    OUTCOME,
    REASON,
    REJECTED,
    SCOPE,
    TIME,
    over_time_by,
    ranking,
)
from photo_pipeline.bi.spec import Chart, Count, Figure, OverTime, Page, Percentile, Share, Sum, Terms, Where

CUSTOMERS_REFUSED = 50

_PERCENTILES = (50, 95, 99)


def _health_over_time(name: str, title: str, about: str, *, chart: Chart, measure: Count | Sum, sql: str) -> Figure:
    """One number of all records over time."""
    return Figure(
        name=name,
        page=Page.HEALTH,
        title=title,
        about=about,
        chart=chart,
        dimensions=(OverTime(),),
        measures=(measure,),
        unit="bytes" if isinstance(measure, Sum) else "records",
        sql=dedent(f"""\
            SELECT {TIME}, {sql}
              FROM bi_outcome
             WHERE {SCOPE}
             GROUP BY 1
             ORDER BY 1"""),
    )


def _share_over_time(name: str, title: str, about: str, where: Where) -> Figure:
    """Which part of the records had one outcome, over time."""
    return Figure(
        name=name,
        page=Page.HEALTH,
        title=title,
        about=about,
        chart=Chart.LINES,
        dimensions=(OverTime(),),
        measures=(Share("share", where),),
        unit="share",
        sql=dedent(f"""\
            SELECT {TIME}, count(*) FILTER (WHERE {where.field} = '{where.value}')::float8 / count(*)
              FROM bi_outcome
             WHERE {SCOPE}
             GROUP BY 1
             ORDER BY 1"""),
    )


def _latency(name: str, title: str, about: str, *, over_time: bool) -> Figure:
    """From Kafka's acceptance to the commit of the outcome."""
    columns = ", ".join(
        f"percentile_cont({percent / 100}) WITHIN GROUP (ORDER BY latency_ms)" for percent in _PERCENTILES
    )
    return Figure(
        name=name,
        page=Page.HEALTH,
        title=title,
        about=about,
        chart=Chart.LINES if over_time else Chart.NUMBERS,
        dimensions=(OverTime(),) if over_time else (),
        measures=tuple(Percentile(f"p{percent}", "latency_ms", percent) for percent in _PERCENTILES),
        unit="ms",
        sql="\n".join(
            (
                f"SELECT {TIME}, {columns}" if over_time else f"SELECT {columns}",
                "  FROM bi_outcome",
                f" WHERE {SCOPE}",
                *([" GROUP BY 1", " ORDER BY 1"] if over_time else []),
            )
        ),
    )


HEALTH: tuple[Figure, ...] = (
    Figure(
        name="outcomes",
        page=Page.HEALTH,
        title="What became of the records",
        about="Every record that Kafka accepted, by outcome, and the bytes of the originals.",
        chart=Chart.NUMBERS,
        dimensions=(OUTCOME,),
        measures=(Count("records"), Sum("bytes", "bytes")),
        sql=dedent(f"""\
            SELECT outcome COLLATE "C", count(*), coalesce(sum(bytes), 0)
              FROM bi_outcome
             WHERE {SCOPE}
             GROUP BY 1
             ORDER BY 2 DESC, 1"""),
    ),
    over_time_by(
        OUTCOME, "outcomes-over-time", Page.HEALTH, "Outcomes over time", "All records, when they were settled."
    ),
    Figure(
        name="rejects-by-customer",
        page=Page.HEALTH,
        title="Rejected, by customer and reason",
        about=f"Rejected records of the {CUSTOMERS_REFUSED} customers with the most; who names no customer of ours is "
        "'none', and two of one name share a row.",
        chart=Chart.TABLE,
        dimensions=(Terms("customer_name", "customer", CUSTOMERS_REFUSED), replace(REASON, closed=True)),
        measures=(Count("records"),),
        where=(REJECTED,),
        sql=dedent(f"""\
            WITH by_reason AS (
              SELECT coalesce(customer_name, 'none') COLLATE "C" AS customer,
                     reject_reason COLLATE "C" AS reason, count(*) AS records
                FROM bi_outcome
               WHERE {SCOPE} AND outcome = 'rejected'
               GROUP BY 1, 2
            ), largest AS (
              SELECT customer, sum(records) AS records
                FROM by_reason GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {CUSTOMERS_REFUSED}
            )
            SELECT customer, reason, by_reason.records
              FROM by_reason JOIN largest USING (customer)
             ORDER BY largest.records DESC, 1, 3 DESC, 2"""),
    ),
    ranking(REASON, "reject-reasons", "Rejected, by reason", "Rejected records.", REJECTED),
    _latency(
        "latency",
        "Latency",
        "From Kafka's acceptance to the outcome, all records.",
        over_time=False,
    ),
    _latency(
        "latency-over-time",
        "Latency over time",
        "From Kafka's acceptance to the outcome, all records, when they were settled.",
        over_time=True,
    ),
    _health_over_time(
        "throughput",
        "Throughput",
        "Records settled, whatever their outcome.",
        chart=Chart.COLUMNS,
        measure=Count("records"),
        sql="count(*)",
    ),
    _health_over_time(
        "volume",
        "Volume",
        "Bytes of the originals settled, whatever their outcome.",
        chart=Chart.COLUMNS,
        measure=Sum("bytes", "bytes"),
        sql="coalesce(sum(bytes), 0)",
    ),
    _share_over_time("reject-rate", "Reject rate", "Rejected records as a part of all.", REJECTED),
    _share_over_time("duplicate-rate", "Duplicate rate", "Duplicates as a part of all records.", DUPLICATE),
    Figure(
        name="duplicates",
        page=Page.HEALTH,
        title="Rejects and duplicates by source",
        about="Records of each source, and how many of them were rejected or known already.",
        chart=Chart.TABLE,
        dimensions=(Terms("source", "source", KINDS),),
        measures=(
            Count("records"),
            Count("duplicate", DUPLICATE),
            Count("rejected", REJECTED),
            Share("reject rate", REJECTED),
        ),
        sql=dedent(f"""\
            SELECT coalesce(source, 'none') COLLATE "C", count(*),
                   count(*) FILTER (WHERE outcome = 'duplicate'),
                   count(*) FILTER (WHERE outcome = 'rejected'),
                   count(*) FILTER (WHERE outcome = 'rejected')::float8 / count(*)
              FROM bi_outcome
             WHERE {SCOPE}
             GROUP BY 1
             ORDER BY 2 DESC, 1"""),
    ),
)
