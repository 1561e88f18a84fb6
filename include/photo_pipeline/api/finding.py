"""What a list of photos can be asked for, as addresses say it."""

import re
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query
from pydantic import BeforeValidator

from photo_pipeline.domain.finding import PhotoFilter
from photo_pipeline.domain.imaging import SniffedFormat
from photo_pipeline.domain.photo import Source

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def as_told(day: Any) -> Any:
    """A day as it is described; pydantic takes numbers for days, too.

    Raises:
        ValueError: when it is written in another way.
    """
    if isinstance(day, str) and _DAY.fullmatch(day) is None:
        raise ValueError("A day is written YYYY-MM-DD.")
    return day


Day = Annotated[date, BeforeValidator(as_told)]
_PART = "Part of the file's name, in letters of any case"
_FIRST = "The first day, by the order in which photos are listed: as the camera told it, or by upload in UTC"


async def wanted(
    name: Annotated[str | None, Query(min_length=1, max_length=100, description=_PART)] = None,
    source: Annotated[Source | None, Query()] = None,
    device: Annotated[UUID | None, Query(description="Which of the caller's devices streamed it")] = None,
    camera: Annotated[str | None, Query(min_length=1, max_length=100, description="Make and model")] = None,
    format: Annotated[SniffedFormat | None, Query()] = None,  # noqa: A002 - as the photo's field is called
    first_day: Annotated[Day | None, Query(alias="from", description=_FIRST)] = None,
    last_day: Annotated[Day | None, Query(alias="until", description="The last day, like `from`")] = None,
) -> PhotoFilter:
    """What photos are to have, all of it together."""
    return PhotoFilter(name, source, device, camera, format, first_day, last_day)


Wanted = Annotated[PhotoFilter, Depends(wanted)]
