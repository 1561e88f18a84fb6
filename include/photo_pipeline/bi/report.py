"""``python -m photo_pipeline.bi.report``: the analysts' figures as one HTML page that needs nothing else.

Elasticsearch is read under ``PHOTO_ELASTICSEARCH_URL``, ``_USER`` and ``_PASSWORD``; an account that may read the alias
is enough.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from elasticsearch import Elasticsearch
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from plotly.offline import get_plotlyjs
from pydantic import ValidationError

from photo_pipeline.adapters.search.client import make_client
from photo_pipeline.bi.answers import ask, full_scope
from photo_pipeline.bi.charts import chart_html, height_of
from photo_pipeline.bi.figures import FIGURES
from photo_pipeline.bi.spec import Answer, Chart, Figure, Page, Scope
from photo_pipeline.bi.tables import Table, table_of, text_of
from photo_pipeline.domain.errors import PhotoPipelineError
from photo_pipeline.settings import ElasticsearchSettings

FAILED = 1
MISUSED = 2
NOT_DRAWN = (Chart.NUMBERS, Chart.TABLE)


@dataclass(frozen=True, slots=True)
class Panel:
    """A figure as the page shows it.

    Attributes:
        figure: what was asked.
        table: the answer in text.
        numbers: label and value, where the figure is a few big numbers.
        chart: HTML, where it is drawn.
        height: of the chart, CSS pixels.
        exact: as the answer's.
    """

    figure: Figure
    table: Table
    numbers: tuple[tuple[str, str], ...]
    chart: Markup | None
    height: int
    exact: bool


def render(answers: Mapping[str, Answer], scope: Scope | None, now: datetime) -> str:
    """The page. Pure.

    Args:
        answers: by the figure's name; none where there is no scope.
        scope: what was asked; none where nothing has been settled yet.
        now: when.
    """
    environment = Environment(
        loader=PackageLoader("photo_pipeline.bi", "templates"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    panels = [] if scope is None else [_panel(figure, answers[figure.name], scope) for figure in FIGURES]
    return environment.get_template("report.html").render(
        pages=[(page.value, [panel for panel in panels if panel.figure.page is page]) for page in Page],
        scope=scope,
        now=now.astimezone(UTC),
        # The script comes from the installed package, not from data.
        plotly=Markup(get_plotlyjs()),  # noqa: S704 - as above
    )


def build(client: Elasticsearch, alias: str, scope: Scope | None) -> dict[str, Answer]:
    """Every figure's answer.

    Raises:
        ServerUnavailableError, SearchRequestError: as ``ask``.
    """
    return {} if scope is None else {figure.name: ask(client, alias, figure, scope) for figure in FIGURES}


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the report; print its path; return the exit code."""
    options = _parser().parse_args(arguments)
    now = datetime.now(UTC)
    try:
        settings = ElasticsearchSettings()  # type: ignore[call-arg]  # from the environment
        with make_client(settings) as client:
            scope = _scope(client, settings.alias, options.days, now)
            page = render(build(client, settings.alias, scope), scope, now)
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(page, "utf-8")
    except ValidationError:
        return _fail(
            "set PHOTO_ELASTICSEARCH_URL, _USER and _PASSWORD; `make report` takes them from the stack", MISUSED
        )
    except (PhotoPipelineError, OSError) as error:
        return _fail(str(error), FAILED)
    sys.stdout.write(f"report: {options.output.resolve()}\n")
    return 0


def _scope(client: Elasticsearch, alias: str, days: int | None, now: datetime) -> Scope | None:
    if days is None:
        return full_scope(client, alias)
    return Scope.between(now.replace(microsecond=0) - timedelta(days=days), now)


def _panel(figure: Figure, answer: Answer, scope: Scope) -> Panel:
    drawn = answer.rows and figure.chart not in NOT_DRAWN
    # Plotly escapes its data itself, and what it takes for markup is escaped by ``charts``.
    chart = Markup(chart_html(figure, answer, scope.interval)) if drawn else None  # noqa: S704 - as above
    return Panel(
        figure=figure,
        table=table_of(figure, answer),
        numbers=_numbers(figure, answer) if figure.chart is Chart.NUMBERS else (),
        chart=chart,
        height=height_of(figure, answer),
        exact=answer.exact,
    )


def _numbers(figure: Figure, answer: Answer) -> tuple[tuple[str, str], ...]:
    if figure.dimensions:
        return tuple((str(row.keys[-1]), text_of(figure.measures[0], row.values[0])) for row in answer.rows)
    pairs = (zip(figure.measures, row.values, strict=True) for row in answer.rows)
    return tuple((measure.label, text_of(measure, value)) for row in pairs for measure, value in row)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m photo_pipeline.bi.report", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("report.html"), help="where to write it (report.html)")
    parser.add_argument("--days", type=_days, help="only the last so many days (everything)")
    return parser


def _days(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 36_500:  # noqa: PLR2004 - a hundred years
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 to 36500, not {text!r}")
    return int(text)


def _fail(message: str, code: int) -> int:
    sys.stderr.write(f"error: {message}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
