"""Figures of the photos that came in: how many, from whom, of what kind."""

from textwrap import dedent

from photo_pipeline.bi.shapes import NEWCOMER, PROCESSED, SCOPE, SOURCE, TIME, TOP, TYPE, over_time_by, ranking
from photo_pipeline.bi.spec import (
    Chart,
    Count,
    Distinct,
    Figure,
    Interval,
    OverTime,
    Page,
    Ranges,
    Sum,
    Terms,
)

CUSTOMERS_IN_TABLE = 20
CUSTOMERS_BILLED = 100

CUSTOMER = (Terms("customer_id", "customer id", TOP), Terms("customer_name", "customer", 1))

MEGAPIXEL_BOUNDS = (1.0, 4.0, 8.0, 12.0, 24.0, 50.0)
MEGAPIXEL_NAMES = ("under 1 MP", "1-4 MP", "4-8 MP", "8-12 MP", "12-24 MP", "24-50 MP", "50 MP and more")
MEBIBYTE = 1024 * 1024
BYTE_BOUNDS = tuple(float(size * MEBIBYTE) for size in (1, 2, 4, 8, 16))
BYTE_NAMES = ("under 1 MiB", "1-2 MiB", "2-4 MiB", "4-8 MiB", "8-16 MiB", "16 MiB and more")


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
             WHERE {SCOPE} AND outcome = 'processed' AND {ranges.field} IS NOT NULL
             GROUP BY 1
             ORDER BY 1"""),
    )


def _photos_over_time(name: str, title: str, about: str, measure: Count | Distinct, sql: str) -> Figure:
    """One number of the processed photos over time, beside that of a week before."""
    return Figure(
        name=name,
        page=Page.PHOTOS,
        title=title,
        about=about,
        chart=Chart.LINES,
        dimensions=(OverTime(),),
        measures=(measure,),
        where=(PROCESSED,),
        compared=True,
        sql=dedent(f"""\
            SELECT {TIME}, {sql}
              FROM bi_outcome
             WHERE {SCOPE} AND outcome = 'processed'
             GROUP BY 1
             ORDER BY 1"""),
    )


PHOTOS: tuple[Figure, ...] = (
    Figure(
        name="totals",
        page=Page.PHOTOS,
        title="Processed",
        about="Photos that came in, the bytes of their originals, how many customers sent them and for how many of "
        "those it was the first photo ever.",
        chart=Chart.NUMBERS,
        dimensions=(),
        measures=(
            Count("photos"),
            Sum("bytes", "bytes"),
            Distinct("customers", "customer_id"),
            Count("new customers", NEWCOMER),
        ),
        where=(PROCESSED,),
        compared=True,
        sql=dedent(f"""\
            SELECT count(*), coalesce(sum(bytes), 0), count(DISTINCT customer_id),
                   count(*) FILTER (WHERE first_of_customer)
              FROM bi_outcome
             WHERE {SCOPE} AND outcome = 'processed'"""),
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
            TYPE,
        ),
        measures=(Count("photos"),),
        where=(PROCESSED,),
        sql=dedent(f"""\
            WITH by_type AS (
              SELECT customer_id::text COLLATE "C" AS customer, customer_name,
                     coalesce(format, 'none') COLLATE "C" AS type, count(*) AS photos
                FROM bi_outcome
               WHERE {SCOPE} AND outcome = 'processed'
               GROUP BY 1, 2, 3
            ), largest AS (
              SELECT customer, sum(photos) AS photos
                FROM by_type GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {CUSTOMERS_IN_TABLE}
            )
            SELECT customer, customer_name, type, by_type.photos
              FROM by_type JOIN largest USING (customer)
             ORDER BY largest.photos DESC, 1, 4 DESC, 3"""),
    ),
    _photos_over_time(
        "photos-over-time", "Photos over time", "Processed photos, when they were settled.", Count("photos"), "count(*)"
    ),
    over_time_by(TYPE, "types-over-time", Page.PHOTOS, "Types over time", "Processed photos by type.", (PROCESSED,)),
    over_time_by(
        SOURCE,
        "sources-over-time",
        Page.PHOTOS,
        "Sources over time",
        "Processed photos by how they came in.",
        (PROCESSED,),
    ),
    ranking(TYPE, "types", "Types", "Processed photos by file format.", PROCESSED),
    ranking(SOURCE, "sources", "Sources", "Processed photos by how they came in.", PROCESSED),
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
             WHERE {SCOPE} AND outcome = 'processed'
             GROUP BY 1, 2
             ORDER BY 3 DESC, 1
             LIMIT {TOP}"""),
    ),
    _photos_over_time(
        "customers-over-time",
        "Customers over time",
        "How many customers had photos processed, when they were settled.",
        Distinct("customers", "customer_id"),
        "count(DISTINCT customer_id)",
    ),
    Figure(
        name="new-customers-over-time",
        page=Page.PHOTOS,
        title="New customers over time",
        about="Customers by when the first photo that they ever sent was processed.",
        chart=Chart.COLUMNS,
        dimensions=(OverTime(),),
        measures=(Count("new customers"),),
        where=(PROCESSED, NEWCOMER),
        sql=dedent(f"""\
            SELECT {TIME}, count(*)
              FROM bi_outcome
             WHERE {SCOPE} AND outcome = 'processed' AND first_of_customer
             GROUP BY 1
             ORDER BY 1"""),
    ),
    Figure(
        name="bytes-by-month",
        page=Page.PHOTOS,
        title="Photos and bytes by customer and month",
        about=f"Processed photos of the {CUSTOMERS_BILLED} largest customers and the bytes of their originals, "
        "by the month (UTC) in which they were settled; a month counts as far as the period reaches.",
        chart=Chart.TABLE,
        dimensions=(
            Terms("customer_id", "customer id", CUSTOMERS_BILLED),
            Terms("customer_name", "customer", 1),
            OverTime("month (UTC)", Interval.MONTH),
        ),
        measures=(Count("photos"), Sum("bytes", "bytes")),
        where=(PROCESSED,),
        sql=dedent(f"""\
            WITH by_month AS (
              SELECT customer_id::text COLLATE "C" AS customer, customer_name,
                     date_trunc('month', processed_at, 'UTC') AS month, count(*) AS photos,
                     coalesce(sum(bytes), 0) AS bytes
                FROM bi_outcome
               WHERE {SCOPE} AND outcome = 'processed'
               GROUP BY 1, 2, 3
            ), largest AS (
              SELECT customer, sum(photos) AS photos
                FROM by_month GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {CUSTOMERS_BILLED}
            )
            SELECT customer, customer_name, month, by_month.photos, bytes
              FROM by_month JOIN largest USING (customer)
             ORDER BY largest.photos DESC, 1, 3"""),
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
    ranking(
        Terms("camera", "camera", TOP),
        "cameras",
        "Cameras",
        f"Processed photos of the {TOP} most frequent cameras; a photo that does not say, or has expired, is 'none'.",
        PROCESSED,
    ),
)
