"""The server that shows analysts their dashboards."""

from typing import Protocol

from photo_pipeline.domain.dashboards import ImportedObjects, ReaderRole, Space, SpaceChange


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

    def import_objects(self, space: Space, objects: bytes) -> ImportedObjects:
        """Put the objects into the space, in place of those of the same ids.

        Raises:
            DashboardsRefusedError: when at least one was not taken.
        """
        ...

    def ensure_landing(self, space: Space, dashboard: str) -> bool:
        """Let the space open with the dashboard of this id; whether it does. What somebody else has chosen stays."""
        ...
