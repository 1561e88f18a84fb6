"""The bodies of ``platform_setup``'s tasks. Each may run at any time on a live system."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime

from airflow.sdk.exceptions import AirflowSkipException

from photo_pipeline.bi.kibana.access import bundle
from photo_pipeline.bi.text import byte_text
from photo_pipeline.composition import setup
from photo_pipeline.domain.dashboards import PlatformLinks
from photo_pipeline.domain.documents import index_month
from photo_pipeline.orchestration.connections import (
    KIBANA,
    POSTGRES_OWNER,
    database_settings,
    hdfs_settings,
    kafka_settings,
    kibana_settings,
    search_access,
    webhdfs_client,
)
from photo_pipeline.orchestration.logs_tasks import made_anew
from photo_pipeline.settings import TopicNames
from photo_pipeline.use_cases.dashboards import Provisioned, provision

logger = logging.getLogger(__name__)

RENAMED = (
    "%s %s is %s here: another space holds its id. It works, but not at its documented address. To change that, delete "
    "it there and here, and run this task again"
)


def migrate() -> str:
    """Migrate the database under its owner's role; the revision it has now."""
    return setup.migrated(database_settings(POSTGRES_OWNER))


def topics() -> list[str]:
    """Create or correct the four topics; what was changed, one line each, and which of them the ledger had known."""
    changes = setup.topics(kafka_settings()).ensure(TopicNames())
    for change in changes:
        logger.info("changed %s", change)
    told = made_anew({change.topic for change in changes if change.setting == "topic"})
    for line in told:
        logger.warning(line)
    return [*(str(change) for change in changes), *told]


def folders() -> None:
    """Make the archive's folders, and say what it takes on the disks."""
    namespace = setup.namespace(webhdfs_client(), hdfs_settings().root)
    namespace.ensure_folders()
    logger.info("folders in place, archive takes %s", byte_text(namespace.stored_bytes()))


def search_index() -> None:
    """Install the index template; make the first index, which dashboards need before there is a first photo."""
    with setup.search_index(search_access()) as index:
        index.ensure_template()
        index.ensure_shown(index_month(datetime.now(UTC)))


def dashboards() -> str:
    """Bring space, role and dashboards to Kibana; what was done, in one line.

    Raises:
        AirflowSkipException: when no Kibana is configured.
    """
    settings = kibana_settings()
    if settings is None:
        raise AirflowSkipException(f"no connection {KIBANA}: there is no Kibana to bring the dashboards to")
    links = PlatformLinks(settings.photos_page, settings.gallery, settings.photo)
    with setup.kibana(settings) as server:
        done = provision(server, bundle(links), manage_role=settings.manage_role)
    for each in done.renamed:
        logger.warning(RENAMED, each.kind, each.identifier, each.here)
    summary = ", ".join(_done(done))
    logger.info(summary)
    return summary


def _done(done: Provisioned) -> Iterator[str]:
    yield f"space {done.space}"
    yield "role set" if done.role else "role left alone"
    yield f"{done.objects} saved objects in place"
    if done.renamed:
        moved = ", ".join(f"{each.identifier} is {each.here}" for each in done.renamed if each.kind == "dashboard")
        yield f"{len(done.renamed)} of them under other ids, since another space holds theirs ({moved})"
    if not done.landing:
        yield "the page that the space opens with left as somebody chose it"
