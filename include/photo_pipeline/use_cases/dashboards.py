"""Bring the analysts' dashboards to the server that shows them. Safe to repeat: the result is the same."""

from dataclasses import dataclass
from typing import Protocol

from photo_pipeline.domain.dashboards import DashboardBundle, ReaderRole, Space, SpaceChange
from photo_pipeline.domain.errors import DashboardsRefusedError


class DashboardServer(Protocol):
    """The server that shows dashboards. Every method may be repeated.

    Each raises ``ServerUnavailableError`` when the server is away, and ``DashboardRequestError`` when it refuses.
    """

    def ensure_space(self, space: Space) -> SpaceChange:
        """Make the space, or give it its name and description again."""
        ...

    def ensure_role(self, role: ReaderRole) -> None:
        """Make the role, or give it exactly these rights again."""
        ...

    def import_objects(self, space: Space, objects: bytes) -> int:
        """Put the objects into the space, in place of those of the same ids; how many were put.

        Raises:
            DashboardsRefusedError: when at least one was not taken.
        """
        ...


@dataclass(frozen=True, slots=True)
class Provisioned:
    """What was done.

    Attributes:
        space: what the space needed.
        role: whether the role was set; not where somebody else looks after roles.
        objects: how many saved objects are in place.
    """

    space: SpaceChange
    role: bool
    objects: int


def provision(server: DashboardServer, bundle: DashboardBundle, *, manage_role: bool) -> Provisioned:
    """The space first, since role and objects name it.

    Args:
        server: where to.
        bundle: what.
        manage_role: whether to set the role; that takes a right which is as good as an administrator's.

    Raises:
        DashboardsRefusedError: when not every object is in place.
        ServerUnavailableError, DashboardRequestError: as the server's methods.
    """
    space = server.ensure_space(bundle.space)
    if manage_role:
        server.ensure_role(bundle.role)
    imported = server.import_objects(bundle.space, bundle.objects)
    if imported != bundle.size:
        raise DashboardsRefusedError([f"{imported} of {bundle.size} objects were taken"])
    return Provisioned(space, manage_role, imported)
