"""How many customers had their first photo processed in a period: a figure that looks at everything before it, too."""

from collections.abc import Mapping
from textwrap import dedent
from typing import Any

from photo_pipeline.bi.queries import term
from photo_pipeline.bi.shapes import PROCESSED
from photo_pipeline.bi.spec import DISTINCT_EXACT, Scope

SQL = dedent("""\
    SELECT count(*)
      FROM (SELECT min(processed_at) AS first
              FROM bi_outcome
             WHERE outcome = 'processed' AND processed_at < :until
             GROUP BY customer_id) AS customer
     WHERE first >= :since""")

Body = dict[str, Any]


def newcomers_body(scope: Scope) -> Body:
    """The search: the customers there ever were until its end, less those there were until its beginning."""
    known = {"cardinality": {"field": "customer_id", "precision_threshold": DISTINCT_EXACT}}
    until = {"range": {"processed_at": {"lt": scope.until.isoformat()}}}
    earlier = {"filter": {"range": {"processed_at": {"lt": scope.since.isoformat()}}}, "aggs": {"known": known}}
    return {
        "size": 0,
        "query": {"bool": {"filter": [until, term(PROCESSED)]}},
        "aggs": {"known": known, "earlier": earlier},
    }


def newcomers_of(response: Mapping[str, Any]) -> int:
    """How many; none where there is no index yet."""
    found = response.get("aggregations")
    return int(found["known"]["value"] - found["earlier"]["known"]["value"]) if found else 0
