"""Where the dashboards live in Kibana, and who may look at them."""

from photo_pipeline.bi.kibana.saved_objects import committed
from photo_pipeline.domain.dashboards import DashboardBundle, ReaderRole, Space

SPACE = Space(
    "photos", "Photos", "What became of the photos. Its contents are kept by the platform: copy before changing."
)
ROLE = ReaderRole("photo_analyst", ("photos*",), ("dashboard", "discover", "visualize"), SPACE.identifier)


def bundle() -> DashboardBundle:
    """Space, role and the committed saved objects."""
    return DashboardBundle(SPACE, ROLE, committed())
