"""What analysts get beside the figures: a place of their own, and a role that may look at it and change nothing."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Space:
    """A place for dashboards, apart from everybody else's.

    Attributes:
        identifier: part of every address in it.
        name: for people.
        description: one sentence.
    """

    identifier: str
    name: str
    description: str


@dataclass(frozen=True, slots=True)
class ReaderRole:
    """Who has it may read these indices, and these features of one space.

    Attributes:
        name: the role's.
        indices: patterns.
        features: of the dashboard server, by its own names.
        space: the space's identifier.
    """

    name: str
    indices: tuple[str, ...]
    features: tuple[str, ...]
    space: str


@dataclass(frozen=True, slots=True)
class DashboardBundle:
    """Everything that is provisioned.

    Attributes:
        space: where to.
        role: for whom.
        objects: the saved objects, one JSON document a line.
    """

    space: Space
    role: ReaderRole
    objects: bytes

    @property
    def size(self) -> int:
        """How many objects there are."""
        return len(self.objects.splitlines())


class SpaceChange(StrEnum):
    """What had to be done to a space."""

    CREATED = "created"
    CORRECTED = "corrected"
    KEPT = "kept"
