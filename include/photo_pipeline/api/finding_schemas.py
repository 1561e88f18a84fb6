"""What is told about finding photos, as the OpenAPI document describes it."""

from datetime import date
from typing import Self
from uuid import UUID

from pydantic import BaseModel, Field

from photo_pipeline.domain.finding import Choice, Choices, Timeline


class MonthView(BaseModel):
    """A month with photos."""

    begins: date = Field(description="Its first day")
    photos: int


class TimelineView(BaseModel):
    """How many photos there are of each month, newest first; months without are left out."""

    months: list[MonthView]
    complete: bool = Field(description="False where there are so many that only the newest were counted")

    @classmethod
    def of(cls, timeline: Timeline) -> Self:
        """The view of a timeline."""
        months = [MonthView(begins=month.begins, photos=month.photos) for month in timeline.months]
        return cls(months=months, complete=timeline.is_complete)


class ChoiceView(BaseModel):
    """A value that photos have."""

    value: str
    photos: int = Field(description="How many of the newest 200,000 have it")

    @classmethod
    def of(cls, choice: Choice) -> Self:
        """The view of a value."""
        return cls(value=choice.value, photos=choice.photos)


class DeviceChoiceView(BaseModel):
    """A device that has streamed photos."""

    device_id: UUID
    name: str | None = Field(description="Also of a revoked one; null where it is none of the caller's")
    photos: int = Field(description="How many of the newest 200,000 it has streamed")

    @classmethod
    def of(cls, choice: Choice) -> Self:
        """The view of a device."""
        return cls(device_id=UUID(choice.value), name=choice.label, photos=choice.photos)


class ChoicesView(BaseModel):
    """What there is to ask for: of each kind at most the fifty that most photos have, those first."""

    sources: list[ChoiceView]
    devices: list[DeviceChoiceView]
    cameras: list[ChoiceView]
    formats: list[ChoiceView]

    @classmethod
    def of(cls, choices: Choices) -> Self:
        """The view of what there is."""
        return cls(
            sources=[ChoiceView.of(choice) for choice in choices.sources],
            devices=[DeviceChoiceView.of(choice) for choice in choices.devices],
            cameras=[ChoiceView.of(choice) for choice in choices.cameras],
            formats=[ChoiceView.of(choice) for choice in choices.formats],
        )
