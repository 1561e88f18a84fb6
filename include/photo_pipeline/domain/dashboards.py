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
        landing: id of the dashboard that the space opens with.
    """

    space: Space
    role: ReaderRole
    objects: bytes
    landing: str

    @property
    def size(self) -> int:
        """How many objects there are."""
        return len(self.objects.splitlines())


@dataclass(frozen=True, slots=True)
class Renamed:
    """A saved object that is not under its own id, because another space holds that.

    Attributes:
        kind: its type, by the server's name.
        identifier: the id that it should have.
        here: the one that it was given.
    """

    kind: str
    identifier: str
    here: str


@dataclass(frozen=True, slots=True)
class ImportedObjects:
    """What the server took.

    Attributes:
        count: how many objects.
        renamed: those of them under another id than the file's: the documented addresses do not lead there.
    """

    count: int
    renamed: tuple[Renamed, ...] = ()

    def here(self, identifier: str) -> str:
        """Under which id an object of the file is to be found."""
        return next((each.here for each in self.renamed if each.identifier == identifier), identifier)


@dataclass(frozen=True, slots=True)
class PlatformLinks:
    """Where the rest of the platform is, for whoever looks at the dashboards. What is not known is not linked.

    Attributes:
        photos_page: address of the operators' page.
        gallery: address of the customers' gallery.
        photo: of one photo's page, with ``{photo_id}`` in the place of its id.
    """

    photos_page: str | None = None
    gallery: str | None = None
    photo: str | None = None


class SpaceChange(StrEnum):
    """What had to be done to a space."""

    CREATED = "created"
    CORRECTED = "corrected"
    KEPT = "kept"
