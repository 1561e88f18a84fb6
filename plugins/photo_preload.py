"""What every task would load for itself is loaded once, by the scheduler, before it forks the executor's workers.

A task is a process forked from such a worker. It loads the product's own modules itself, so that a change of theirs
holds for the next task; packages change with a restart alone.
"""

import importlib
import logging

from airflow.jobs.job import Job
from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin

logger = logging.getLogger(__name__)

# None of them starts a thread or opens anything when it is imported: children of a fork would not have it.
PACKAGES = (
    "airflow.providers.apache.hdfs.hooks.webhdfs",
    "airflow.providers.apache.kafka.hooks.client",
    "airflow.providers.elasticsearch.hooks.elasticsearch",
    "airflow.providers.postgres.hooks.postgres",
    "elasticsearch.helpers",
    "hdfs_native",
    "joserfc.jws",
    "joserfc.jwt",
    "psycopg",
    "pydantic_settings",
    "sqlalchemy.dialects.postgresql.psycopg",
)


class Preloading:
    """Listens to Airflow."""

    @hookimpl
    def on_starting(self, component: object) -> None:
        """Called when one of Airflow's components starts, or a task. Which job it will be no component knows yet."""
        if isinstance(component, Job):
            preload()


def preload() -> None:
    """Load them. One that cannot be loaded is reported by the task that wants it."""
    for name in PACKAGES:
        try:
            importlib.import_module(name)
        except ImportError as error:
            logger.warning("%s is not loaded beforehand: %s", name, error)


class PhotoPreloadPlugin(AirflowPlugin):
    """What Airflow looks for in this folder."""

    name = "photo_preload"
    listeners = [Preloading()]  # noqa: RUF012 - as Airflow wants it
