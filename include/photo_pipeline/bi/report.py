"""``python -m photo_pipeline.bi.report``: the analysts' figures as one HTML page that needs nothing else.

Elasticsearch is read under ``PHOTO_ELASTICSEARCH_URL``, ``_USER`` and ``_PASSWORD``; an account that may read the alias
is enough.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from elasticsearch import Elasticsearch
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from pydantic import ValidationError

from photo_pipeline.adapters.search.client import make_client
from photo_pipeline.bi.answers import ask, cube_of, full_scope
from photo_pipeline.bi.figures import FIGURES
from photo_pipeline.bi.page import Answers, data_of
from photo_pipeline.bi.spec import Page, Scope
from photo_pipeline.domain.errors import PhotoPipelineError
from photo_pipeline.settings import ElasticsearchSettings

FAILED = 1
MISUSED = 2


def render(answers: Answers | None, scope: Scope | None, now: datetime) -> str:
    """The page. Pure.

    Args:
        answers: of every figure; none where there is no scope.
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
    found = None if answers is None or scope is None else data_of(answers, scope)
    return environment.get_template("report.html").render(
        pages=list(Page),
        scope=scope,
        now=now.astimezone(UTC),
        # It is JSON in which nothing can close the element that it stands in.
        data=None if found is None else Markup(found),  # noqa: S704 - as above
    )


def build(client: Elasticsearch, alias: str, scope: Scope) -> Answers:
    """Every figure's answer, and what the filters work on.

    Raises:
        ServerUnavailableError, SearchRequestError: as ``ask``.
    """
    compared = [figure for figure in FIGURES if figure.compared and not figure.dimensions]
    return Answers(
        figures={figure.name: ask(client, alias, figure, scope) for figure in FIGURES},
        before={figure.name: ask(client, alias, figure, scope.earlier()) for figure in compared},
        cube=cube_of(client, alias, scope),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the report; print its path; return the exit code."""
    options = _parser().parse_args(arguments)
    now = datetime.now(UTC)
    try:
        settings = ElasticsearchSettings()  # type: ignore[call-arg]  # from the environment
        with make_client(settings) as client:
            scope = _scope(client, settings.alias, options.days, now)
            page = render(None if scope is None else build(client, settings.alias, scope), scope, now)
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
