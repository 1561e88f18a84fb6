"""Bring the analysts' dashboards to the server that shows them. Safe to repeat: the result is the same."""

from dataclasses import dataclass

from photo_pipeline.domain.dashboards import DashboardBundle, Renamed, SpaceChange
from photo_pipeline.domain.errors import DashboardsRefusedError
from photo_pipeline.ports.dashboards import DashboardServer


@dataclass(frozen=True, slots=True)
class Provisioned:
    """What was done.

    Attributes:
        space: what the space needed.
        role: whether the role was set; not where somebody else looks after roles.
        objects: how many saved objects are in place.
        renamed: which of them are under another id, and so not at their documented address.
        landing: whether the space opens with the dashboard that it should.
    """

    space: SpaceChange
    role: bool
    objects: int
    renamed: tuple[Renamed, ...]
    landing: bool


def provision(server: DashboardServer, bundle: DashboardBundle, *, manage_role: bool) -> Provisioned:
    """The space first, since role and objects name it.

    Objects whose ids another space holds are in place all the same, under other ids, and are told.

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
    if imported.count != bundle.size:
        raise DashboardsRefusedError([f"{imported.count} of {bundle.size} objects were taken"])
    landing = server.ensure_landing(bundle.space, imported.here(bundle.landing))
    return Provisioned(space, manage_role, imported.count, imported.renamed, landing)
