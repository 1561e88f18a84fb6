"""The Photos page in Airflow's navigation, and links from tasks to what they made. Wiring only.

Every process of Airflow loads its plugins, tasks too: what the page needs is imported when somebody opens it.
"""

from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlsplit

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin
from airflow.providers.standard.decorators.python import _PythonDecoratedOperator
from airflow.sdk import BaseOperator, BaseOperatorLink
from airflow.sdk.types import TaskInstanceKey

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

PREFIX = "/photos-page"
ROUTE = "photos"


def _root() -> str:
    """The path under which Airflow is served, without a slash at the end."""
    return urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/")


class LazyPage:
    """The page's application, made when it is asked for the first time."""

    title = "Photos"

    def __init__(self) -> None:
        self._app: ASGIApp | None = None

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Pass a request on."""
        if self._app is None:
            from photo_pipeline.orchestration.photos_page import make_app

            self._app = make_app(PREFIX)
        await self._app(scope, receive, send)


class SliceLink(BaseOperatorLink):
    """From a task that processed a slice to what became of it, and its shard."""

    name = "Slice and shard"
    operators: ClassVar[list[type[BaseOperator]]] = [_PythonDecoratedOperator]

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 - the base class's
        """The slice's page inside Airflow's UI; none where the task has processed none."""
        from photo_pipeline.orchestration.task_links import slice_of

        found = slice_of(ti_key)
        return "" if found is None else f"{_root()}/plugin/{ROUTE}{_root()}{PREFIX}/slices/{found}"


class GalleryLink(BaseOperatorLink):
    """To the customers' gallery."""

    name = "Gallery"
    operators: ClassVar[list[type[BaseOperator]]] = [_PythonDecoratedOperator]

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 - the base class's
        """Its address, for tasks of the platform and where it is configured."""
        from photo_pipeline.orchestration.task_links import gallery_for

        return gallery_for(ti_key)


class DashboardLink(BaseOperatorLink):
    """To the analysts' dashboards."""

    name = "Dashboards"
    operators: ClassVar[list[type[BaseOperator]]] = [_PythonDecoratedOperator]

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 - the base class's
        """Their address, for tasks of the platform and where it is configured."""
        from photo_pipeline.orchestration.task_links import dashboards_for

        return dashboards_for(ti_key)


class PhotoPagePlugin(AirflowPlugin):
    """What Airflow finds."""

    name = "photo_page"
    # Lists on the class are how Airflow wants them.
    fastapi_apps = [{"app": LazyPage(), "url_prefix": PREFIX, "name": "Photos"}]  # noqa: RUF012 - see above
    external_views = [  # noqa: RUF012 - see above
        {
            "name": "Photos",
            "href": f"{_root()}{PREFIX}/",
            "destination": "nav",
            "url_route": ROUTE,
            "nav_top_level": True,
        }
    ]
    operator_extra_links = [SliceLink(), GalleryLink(), DashboardLink()]  # noqa: RUF012 - see above
