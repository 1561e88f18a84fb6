"""What several figures share: their conditions, lists and forms."""

from textwrap import dedent

from photo_pipeline.bi.spec import Chart, Count, Figure, OverTime, Page, Sum, Terms, Where

PROCESSED = Where("outcome", "processed")
REJECTED = Where("outcome", "rejected")
DUPLICATE = Where("outcome", "duplicate")
NEWCOMER = Where("first_of_customer", "true")
"""The one record that brought a customer's first photo."""

TOP = 10
KINDS = 20
"""More than there are sources, reasons or types: nothing is cut off."""
OUTCOME = Terms("outcome", "outcome", 3, closed=True)
TYPE = Terms("format", "type", KINDS)
SOURCE = Terms("source", "source", KINDS)
REASON = Terms("reject_reason", "reason", KINDS)

SCOPE = "processed_at >= :since AND processed_at < :until"
TIME = "date_trunc(:interval, processed_at, 'UTC')"


def over_time_by(terms: Terms, name: str, page: Page, title: str, about: str, where: tuple[Where, ...] = ()) -> Figure:
    """Outcomes over time, by one field."""
    field = terms.field
    only = "".join(f" AND {one.field} = '{one.value}'" for one in where)
    return Figure(
        name=name,
        page=page,
        title=title,
        about=about,
        chart=Chart.STACKED,
        dimensions=(OverTime(), terms),
        measures=(Count("records"),),
        where=where,
        sql=dedent(f"""\
            SELECT {TIME}, coalesce({field}, 'none') COLLATE "C", count(*)
              FROM bi_outcome
             WHERE {SCOPE}{only}
             GROUP BY 1, 2
             ORDER BY 1, 3 DESC, 2"""),
    )


def ranking(terms: Terms, name: str, title: str, about: str, where: Where) -> Figure:
    """The most frequent values of a field."""
    field = terms.field
    return Figure(
        name=name,
        page=Page.HEALTH if where is REJECTED else Page.PHOTOS,
        title=title,
        about=about,
        chart=Chart.BARS,
        dimensions=(terms,),
        measures=(Count("records"), Sum("bytes", "bytes")),
        where=(where,),
        sql=dedent(f"""\
            SELECT coalesce({field}, 'none') COLLATE "C", count(*), coalesce(sum(bytes), 0)
              FROM bi_outcome
             WHERE {SCOPE} AND {where.field} = '{where.value}'
             GROUP BY 1
             ORDER BY 2 DESC, 1
             LIMIT {terms.size}"""),
    )
