"""What a panel showed against what SQL says: every tile, and every row of a table that could be seen."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.kibana_check.looking import Seen, Tile
from tests.kibana_check.reading import Written, read

from photo_pipeline.bi.kibana.panels import tile_name
from photo_pipeline.bi.spec import Distinct, Figure, Interval, Key, OverTime, Percentile, Scope, Terms

MISSING = {"none": "(missing value)"}
REST = "Other"
ESTIMATE = 0.06
"""How far, as a part, the number of distinct values may be off beyond some thousand of them."""
EXACT_DISTINCT = 1000

Rows = Mapping[tuple[Key, ...], tuple[Any, ...]]
Answers = Callable[[Figure, Scope], Rows]
Ranks = Callable[[Scope, float, float], bool]
"""Of a scope, a number and a percentage as a part: whether that may be the percentile."""


@dataclass(frozen=True)
class Truth:
    """What SQL says.

    Attributes:
        answers: rows of a figure.
        ranks: of percentiles.
    """

    answers: Answers
    ranks: Ranks


def differences(name: str, figure: Figure, seen: Seen, scope: Scope, truth: Truth) -> list[str]:
    """In words; a picture has nothing that can be read."""
    if seen.tiles and figure.dimensions:
        return list(_groups(name, figure, seen, truth.answers(figure, scope)))
    if seen.tiles:
        return list(_whole(name, figure, seen.tiles[0], scope, truth))
    return list(_table(name, figure, seen, truth.answers(figure, scope)))


def _groups(name: str, figure: Figure, seen: Seen, rows: Rows) -> Iterator[str]:
    """Tiles of a breakdown: the same ones, each with its number."""
    wanted = {_label(figure, 0, keys[0]): values[0] for keys, values in rows.items()}
    said = {tile.title: read(tile.value) for tile in seen.tiles if tile.value}
    for title in sorted(wanted.keys() ^ said.keys()):
        yield f"{name}: only one side has {title!r}"
    for title in wanted.keys() & said.keys():
        if not _is(said[title], wanted[title]):
            yield f"{name} {title}: {said[title]} is shown, {wanted[title]} by SQL"


def _whole(name: str, figure: Figure, tile: Tile, scope: Scope, truth: Truth) -> Iterator[str]:
    place = next(at for at, each in enumerate(figure.measures) if name == tile_name(figure, each))
    measure = figure.measures[place]
    times = [(tile.value, scope)]
    if figure.compared:
        times.append((tile.extra.partition(":")[2], scope.earlier()))
    for text, when in times:
        wanted = next(iter(truth.answers(figure, when).values()))[place]
        shown = read(text)
        if isinstance(measure, Percentile):
            if shown is None or not any(truth.ranks(when, at, measure.percent / 100) for at in _around(shown)):
                yield f"{name}: {text!r} is shown, about {wanted} ms by SQL"
        elif not _is(shown, wanted, distinct=isinstance(measure, Distinct)):
            yield f"{name}: {text!r} is shown, {wanted} by SQL"


def _around(shown: Written) -> Iterator[float]:
    steps = 20
    yield from (shown.value + shown.off * (step / steps) for step in range(-steps, steps + 1))


def _table(name: str, figure: Figure, seen: Seen, rows: Rows) -> Iterator[str]:
    """Every row that was seen is one of SQL's, and no row is seen more often than it is there."""
    last = len(figure.dimensions) - 1
    pivot = figure.chart.value == "table" and last > 0
    left: list[tuple[tuple[str, ...], list[float]]] = []
    grouped: dict[tuple[Key, ...], list[float]] = {}
    for keys, values in rows.items():
        grouped.setdefault(keys[:-1] if pivot else keys, []).extend(float(each) for each in values if each is not None)
    for keys, numbers in grouped.items():
        shown = (place for place in range(len(keys)) if not _is_id(figure, place))
        left.append((tuple(_label(figure, place, keys[place]) for place in shown), numbers))
    if rows and not seen.rows and figure.chart.value in {"table", "bars"} and isinstance(figure.dimensions[0], Terms):
        yield f"{name}: no row could be read"
    for row in seen.rows:
        labels = len(left[0][0]) if left else 1
        if REST in row[:labels]:
            continue
        match = next((each for each in left if each[0] == row[:labels] and _all_in(row[labels:], each[1])), None)
        if match is None:
            yield f"{name}: {' | '.join(row)} is shown, {[each[1] for each in left if each[0] == row[:labels]]} by SQL"
        else:
            left.remove(match)


def _all_in(texts: Sequence[str], numbers: Sequence[float]) -> bool:
    """Whether each number that is written is one of these, each of which is there once. A gap may be written as 0."""
    rest = list(numbers)
    for said in (read(text) for text in texts):
        found = next((number for number in rest if said and said.is_about(number)), None)
        if found is not None:
            rest.remove(found)
        elif said is not None and said.value:
            return False
    return not any(rest)


def _is(said: Written | None, wanted: float, *, distinct: bool = False) -> bool:
    estimate = ESTIMATE if distinct and wanted > EXACT_DISTINCT else 0.0
    return said is not None and said.is_about(float(wanted or 0), estimate)


def _label(figure: Figure, place: int, key: Key) -> str:
    dimension = figure.dimensions[place]
    if isinstance(dimension, OverTime):
        return f"{key:%Y-%m}" if dimension.width is Interval.MONTH else str(key)
    return MISSING.get(str(key), str(key)) if isinstance(dimension, Terms) else str(key)


def _is_id(figure: Figure, place: int) -> bool:
    dimension = figure.dimensions[place]
    return isinstance(dimension, Terms) and dimension.field.endswith("_id")
