"""The server that shows analysts their dashboards."""

from typing import Protocol

from photo_pipeline.domain.dashboards import ReaderRole, Space, SpaceChange


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
