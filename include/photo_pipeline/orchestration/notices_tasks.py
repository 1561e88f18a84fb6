"""Telling people what is late, what has failed, and what the reconciliation has found."""

import logging
from datetime import UTC, datetime

from photo_pipeline.composition.lateness import late_after, lateness_ports
from photo_pipeline.composition.notices import notice_book, notice_limits
from photo_pipeline.composition.reconcile import reconciliation_log
from photo_pipeline.domain.errors import ServerUnavailableError
from photo_pipeline.domain.notices import Condition, Notice, NoticeKind, compose, shape
from photo_pipeline.domain.reconciliation import Status
from photo_pipeline.orchestration.connections import (
    POSTGRES,
    database_settings,
    hdfs_settings,
    kafka_settings,
    webhdfs_client,
)
from photo_pipeline.orchestration.log_lines import fields
from photo_pipeline.orchestration.notice_channels import AirflowMessenger
from photo_pipeline.settings import NoticeSettings, RetentionSettings
from photo_pipeline.use_cases.lateness import late
from photo_pipeline.use_cases.notices import tell_discrepancies, tell_failure, tell_lateness

logger = logging.getLogger(__name__)


def tell_lateness_now() -> dict[str, int]:
    """Look what is late, and tell what was not told."""
    database = database_settings(POSTGRES)
    with lateness_ports(database, kafka_settings(), hdfs_settings(), webhdfs_client) as ports:
        conditions = late(ports, late_after(NoticeSettings(), RetentionSettings()))
    with notice_book(database) as book:
        told = tell_lateness(conditions, book, AirflowMessenger())
    logger.info("watched %s", fields({"late": len(conditions), "told": told}))
    return {"late": len(conditions), "told": told}


def tell_findings(run_id: str) -> int:
    """Tell what this run of the reconciliation has found and could not repair; how many notices went out."""
    database = database_settings(POSTGRES)
    with reconciliation_log(database) as log:
        results = log.results(run_id)
    conditions = [
        Condition(f"{result.check}: {finding.subject}: {shape(finding.problem)}", f"{result.check}: {finding}")
        for result in results
        for finding in result.findings
        if finding.status is Status.FINDING
    ]
    with notice_book(database) as book:
        told = tell_discrepancies(conditions, book, AirflowMessenger(), notice_limits(NoticeSettings()))
    logger.info("told %s", fields({"run": run_id, "findings": len(conditions), "told": told}))
    return told


def tell_failed_task(condition: Condition) -> None:
    """Tell that a task has failed, unless that was told a short while ago."""
    try:
        with notice_book(database_settings(POSTGRES)) as book:
            tell_failure(condition, book, AirflowMessenger(), notice_limits(NoticeSettings()))
    except ServerUnavailableError:
        logger.warning("what was told is not known now: it may be told twice")
        AirflowMessenger().send(compose([Notice(0, NoticeKind.FAILURE, condition.summary, datetime.now(UTC))]))
