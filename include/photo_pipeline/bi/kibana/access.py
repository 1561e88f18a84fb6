"""Where the dashboards live in Kibana, and who may look at them."""

from photo_pipeline.bi.kibana.platform import linked
from photo_pipeline.bi.kibana.saved_objects import DASHBOARDS, committed
from photo_pipeline.bi.spec import Page
from photo_pipeline.domain.dashboards import DashboardBundle, PlatformLinks, ReaderRole, Space

SPACE = Space(
    "photos", "Photos", "What became of the photos. Its contents are kept by the platform: copy before changing."
)
ROLE = ReaderRole("photo_analyst", ("photos*",), ("dashboard", "discover", "visualize"), SPACE.identifier)

NO_LINKS = PlatformLinks()


def bundle(links: PlatformLinks = NO_LINKS) -> DashboardBundle:
    """Space, role and the committed saved objects, with links to this installation's other pages."""
    return DashboardBundle(SPACE, ROLE, linked(committed(), links), DASHBOARDS[Page.PHOTOS])
