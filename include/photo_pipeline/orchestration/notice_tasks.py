"""Telling people what is late, what has failed, and what the reconciliation has found."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError

from photo_pipeline.adapters.kafka import KafkaPhotoLogReader
from photo_pipeline.adapters.kafka.ages import KafkaAppendTimes
from photo_pipeline.adapters.kafka.client import admin_client
from photo_pipeline.adapters.postgres.clock import DatabaseClock
from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.adapters.postgres.metrics import PostgresFigures
from photo_pipeline.adapters.postgres.notices import PostgresNoticeBook
from photo_pipeline.composition_reconcile import reconciliation_log
from photo_pipeline.domain.errors import ServerUnavailableError
from photo_pipeline.domain.notices import Condition, Notice, NoticeKind, compose, shape
from photo_pipeline.domain.reconciliation import Status
from photo_pipeline.orchestration.connections import POSTGRES, database_settings, kafka_settings
from photo_pipeline.orchestration.log_lines import fields
from photo_pipeline.orchestration.notice_channels import AirflowMessenger
from photo_pipeline.settings import NoticeSettings, TopicNames
from photo_pipeline.use_cases.lateness import LateAfter, LatenessPorts, late
from photo_pipeline.use_cases.notices import NoticeLimits, tell_discrepancies, tell_failure, tell_lateness

logger = logging.getLogger(__name__)


def tell_lateness_now() -> dict[str, int]:
    """Look what is late, and tell what was not told."""
    settings = NoticeSettings()
    engine = make_engine(database_settings(POSTGRES), "photo_watch")
    kafka = kafka_settings()
    try:
        ports = LatenessPorts(
            figures=PostgresFigures(engine),
            reader=KafkaPhotoLogReader(kafka),
            ages=KafkaAppendTimes(admin_client(kafka)),
            clock=DatabaseClock(engine),
            incoming=TopicNames().incoming,
        )
        conditions = late(
            ports,
            LateAfter(
                ingest=timedelta(minutes=settings.late_ingest_minutes),
                sync=timedelta(minutes=settings.late_sync_minutes),
            ),
        )
        told = tell_lateness(conditions, PostgresNoticeBook(engine), AirflowMessenger())
    finally:
        engine.dispose()
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
    with _book() as book:
        told = tell_discrepancies(conditions, book, AirflowMessenger(), _limits())
    logger.info("told %s", fields({"run": run_id, "findings": len(conditions), "told": told}))
    return told


def tell_failed_task(condition: Condition) -> None:
    """Tell that a task has failed, unless that was told a short while ago."""
    try:
        with _book() as book:
            tell_failure(condition, book, AirflowMessenger(), _limits())
    except (ServerUnavailableError, SQLAlchemyError):
        logger.warning("what was told is not known now: it may be told twice")
        AirflowMessenger().send(compose([Notice(0, NoticeKind.FAILURE, condition.summary, datetime.now(UTC))]))


def _limits() -> NoticeLimits:
    settings = NoticeSettings()
    return NoticeLimits(
        failure_again=timedelta(hours=settings.failure_again_hours),
        discrepancy_again=timedelta(days=settings.discrepancy_again_days),
    )


@contextmanager
def _book() -> Iterator[PostgresNoticeBook]:
    engine = make_engine(database_settings(POSTGRES), "photo_notices")
    try:
        yield PostgresNoticeBook(engine)
    finally:
        engine.dispose()
