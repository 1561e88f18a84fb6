"""The catalogue of figures. Each is asked of Elasticsearch and, word for word as written here, of PostgreSQL.

The SQL needs no more than the view ``bi_outcome``, which the role ``photo_bi`` may read; a test runs every figure on
both servers and compares them row by row.
"""

from textwrap import dedent

from photo_pipeline.bi.spec import (
    Chart,
    Count,
    Figure,
    OverTime,
    Page,
    Percentile,
    Ranges,
    Share,
    Sum,
    Terms,
    Where,
)

PROCESSED = Where("outcome", "processed")
REJECTED = Where("outcome", "rejected")
DUPLICATE = Where("outcome", "duplicate")

TOP = 10
CUSTOMERS_IN_TABLE = 20
KINDS = 20
"""More than there are outcomes, sources, reasons or types: nothing is cut off."""

CUSTOMER = (Terms("customer_id", "customer id", TOP), Terms("customer_name", "customer", 1))

MEGAPIXEL_BOUNDS = (1.0, 4.0, 8.0, 12.0, 24.0, 50.0)
MEGAPIXEL_NAMES = ("under 1 MP", "1-4 MP", "4-8 MP", "8-12 MP", "12-24 MP", "24-50 MP", "50 MP and more")
MEBIBYTE = 1024 * 1024
BYTE_BOUNDS = tuple(float(size * MEBIBYTE) for size in (1, 2, 4, 8, 16))
BYTE_NAMES = ("under 1 MiB", "1-2 MiB", "2-4 MiB", "4-8 MiB", "8-16 MiB", "16 MiB and more")

_SCOPE = "processed_at >= :since AND processed_at < :until"
_TIME = "date_trunc(:interval, processed_at, 'UTC')"


def _over_time_by(name: str, field: str, title: str, about: str, where: tuple[Where, ...]) -> Figure:
    """Outcomes over time, by one field."""
    only = "".join(f" AND {one.field} = '{one.value}'" for one in where)
    return Figure(
        name=name,
        page=Page.PHOTOS,
        title=title,
        about=about,
        chart=Chart.STACKED,
        dimensions=(OverTime(), Terms(field, "type" if field == "format" else field, KINDS)),
        measures=(Count("records"),),
        where=where,
        sql=dedent(f"""\
            SELECT {_TIME}, coalesce({field}, 'none') COLLATE "C", count(*)
              FROM bi_outcome
             WHERE {_SCOPE}{only}
             GROUP BY 1, 2
             ORDER BY 1, 3 DESC, 2"""),
    )


def _ranking(name: str, field: str, title: str, about: str, *, where: Where, label: str, size: int = KINDS) -> Figure:
    """The most frequent values of a field."""
    return Figure(
        name=name,
        page=Page.PHOTOS,
        title=title,
        about=about,
        chart=Chart.BARS,
        dimensions=(Terms(field, label, size),),
        measures=(Count("records"), Sum("bytes", "bytes")),
        where=(where,),
        sql=dedent(f"""\
            SELECT coalesce({field}, 'none') COLLATE "C", count(*), coalesce(sum(bytes), 0)
              FROM bi_outcome
             WHERE {_SCOPE} AND {where.field} = '{where.value}'
             GROUP BY 1
             ORDER BY 2 DESC, 1
             LIMIT {size}"""),
    )


def _sizes(name: str, ranges: Ranges, title: str, about: str) -> Figure:
    """How many photos there are in each range of a number."""
    bounds = ", ".join(f"{bound:.0f}" for bound in ranges.bounds)
    return Figure(
        name=name,
        page=Page.PHOTOS,
        title=title,
        about=about,
        chart=Chart.BARS,
        dimensions=(ranges,),
        measures=(Count("photos"),),
        where=(PROCESSED,),
        sql=dedent(f"""\
            SELECT width_bucket({ranges.field}, ARRAY[{bounds}]::numeric[]), count(*)
              FROM bi_outcome
             WHERE {_SCOPE} AND outcome = 'processed' AND {ranges.field} IS NOT NULL
             GROUP BY 1
             ORDER BY 1"""),
    )


_PHOTOS = (
    Figure(
        name="outcomes",
        page=Page.PHOTOS,
        title="What became of the photos",
        about="Every record that Kafka accepted, by outcome, and the bytes of the originals.",
        chart=Chart.NUMBERS,
        dimensions=(Terms("outcome", "outcome", KINDS),),
        measures=(Count("records"), Sum("bytes", "bytes")),
        sql=dedent(f"""\
            SELECT outcome COLLATE "C", count(*), coalesce(sum(bytes), 0)
              FROM bi_outcome
             WHERE {_SCOPE}
             GROUP BY 1
             ORDER BY 2 DESC, 1"""),
    ),
    _over_time_by("outcomes-over-time", "outcome", "Outcomes over time", "All records, when they were settled.", ()),
    _over_time_by("types-over-time", "format", "Types over time", "Processed photos by file format.", (PROCESSED,)),
    _over_time_by(
        "sources-over-time", "source", "Sources over time", "Processed photos by how they came in.", (PROCESSED,)
    ),
    _ranking("types", "format", "Types", "Processed photos by file format.", where=PROCESSED, label="type"),
    _ranking("sources", "source", "Sources", "Processed photos by how they came in.", where=PROCESSED, label="source"),
    Figure(
        name="top-customers",
        page=Page.PHOTOS,
        title="Top customers",
        about=f"The {TOP} customers with the most processed photos; two of the same name stay apart.",
        chart=Chart.BARS,
        dimensions=CUSTOMER,
        measures=(Count("photos"), Sum("bytes", "bytes")),
        where=(PROCESSED,),
        sql=dedent(f"""\
            SELECT customer_id::text COLLATE "C", customer_name, count(*), coalesce(sum(bytes), 0)
              FROM bi_outcome
             WHERE {_SCOPE} AND outcome = 'processed'
             GROUP BY 1, 2
             ORDER BY 3 DESC, 1
             LIMIT {TOP}"""),
    ),
    Figure(
        name="customers-by-type",
        page=Page.PHOTOS,
        title="Customers by type",
        about=f"Processed photos of the {CUSTOMERS_IN_TABLE} largest customers, by file format.",
        chart=Chart.TABLE,
        dimensions=(
            Terms("customer_id", "customer id", CUSTOMERS_IN_TABLE),
            Terms("customer_name", "customer", 1),
            Terms("format", "type", KINDS),
        ),
        measures=(Count("photos"),),
        where=(PROCESSED,),
        sql=dedent(f"""\
            WITH by_type AS (
              SELECT customer_id::text COLLATE "C" AS customer, customer_name,
                     coalesce(format, 'none') COLLATE "C" AS type, count(*) AS photos
                FROM bi_outcome
               WHERE {_SCOPE} AND outcome = 'processed'
               GROUP BY 1, 2, 3
            ), largest AS (
              SELECT customer, sum(photos) AS photos
                FROM by_type GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {CUSTOMERS_IN_TABLE}
            )
            SELECT customer, customer_name, type, by_type.photos
              FROM by_type JOIN largest USING (customer)
             ORDER BY largest.photos DESC, 1, 4 DESC, 3"""),
    ),
    _sizes(
        "megapixels",
        Ranges("megapixels", "size", MEGAPIXEL_BOUNDS, MEGAPIXEL_NAMES),
        "Sizes in megapixels",
        "Processed photos by width times height.",
    ),
    _sizes(
        "file-sizes",
        Ranges("bytes", "size", BYTE_BOUNDS, BYTE_NAMES),
        "File sizes",
        "Processed photos by the size of the original file.",
    ),
    _ranking(
        "cameras",
        "camera",
        "Cameras",
        f"Processed photos of the {TOP} most frequent cameras; a photo that does not say, or has expired, is 'none'.",
        where=PROCESSED,
        label="camera",
        size=TOP,
    ),
    _ranking(
        "reject-reasons", "reject_reason", "Rejects by reason", "Rejected records.", where=REJECTED, label="reason"
    ),
)

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
            SELECT {_TIME}, {sql}
              FROM bi_outcome
             WHERE {_SCOPE}
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
            SELECT {_TIME}, count(*) FILTER (WHERE {where.field} = '{where.value}')::float8 / count(*)
              FROM bi_outcome
             WHERE {_SCOPE}
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
                f"SELECT {_TIME}, {columns}" if over_time else f"SELECT {columns}",
                "  FROM bi_outcome",
                f" WHERE {_SCOPE}",
                *([" GROUP BY 1", " ORDER BY 1"] if over_time else []),
            )
        ),
    )


_HEALTH = (
    _latency(
        "latency",
        "Latency",
        "Milliseconds from Kafka's acceptance to the outcome, all records.",
        over_time=False,
    ),
    _latency(
        "latency-over-time",
        "Latency over time",
        "Milliseconds from Kafka's acceptance to the outcome, all records, when they were settled.",
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
             WHERE {_SCOPE}
             GROUP BY 1
             ORDER BY 2 DESC, 1"""),
    ),
)

FIGURES: tuple[Figure, ...] = (*_PHOTOS, *_HEALTH)
