"""Tells people that a task has failed for good. Every DAG has it through ``default_args``."""

import logging
from typing import TYPE_CHECKING

from airflow.sdk import BaseNotifier

if TYPE_CHECKING:
    from airflow.sdk import Context

logger = logging.getLogger(__name__)


class FailureNotifier(BaseNotifier):
    """Sends one notice for each task that fails, however many of its runs do, until some hours have passed.

    What was told is remembered in the database. Where that is away, the notice goes out all the same: rather twice
    than never.
    """

    def notify(self, context: "Context") -> None:
        """Tell it. Called in the task's process once its retries are used up."""
        from photo_pipeline.domain.notices import Condition, one_line
        from photo_pipeline.orchestration.notices_tasks import tell_failed_task

        ti = context["ti"]
        where = f"{ti.dag_id}.{ti.task_id}"
        reason = one_line(str(context.get("exception") or "see its log"))
        # Not every caller knows the address of the log: the DAG processor, for a task that was killed, does not.
        address = getattr(ti, "log_url", None)
        link = f" {address}" if address else ""
        tell_failed_task(Condition(where, f"{where} in run {ti.run_id}: {reason}{link}"))
