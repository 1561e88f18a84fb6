"""The bodies of ``photo_reconcile``'s tasks."""

import logging

from airflow.sdk.exceptions import AirflowFailException

from photo_pipeline.composition.reconcile import (
    ReconciliationSettings,
    reconcile_limits,
    reconcile_ports,
    reconciliation_log,
)
from photo_pipeline.domain.errors import ReconciliationFindingsError
from photo_pipeline.domain.reconciliation import CheckResult
from photo_pipeline.orchestration.connections import pipeline_settings, search_access
from photo_pipeline.orchestration.log_lines import fields
from photo_pipeline.use_cases.reconcile import CHECK_NAMES, GROUPS, open_run, run_checks, verdict

logger = logging.getLogger(__name__)


def begin(run_id: str) -> list[str]:
    """Open the run, forget results that are too old; the groups of checks to make."""
    settings = _settings()
    with reconcile_ports(settings) as ports:
        forgotten = open_run(run_id, ports, reconcile_limits(settings.limits, settings.ledger))
    logger.info("began %s", fields({"run": run_id, "forgotten": forgotten}))
    return list(GROUPS)


def check(group: str, run_id: str) -> dict[str, str]:
    """Make a group's checks; each one's status. What they find makes the verdict fail, not this."""
    settings = _settings()
    with reconcile_ports(settings) as ports:
        results = run_checks(run_id, GROUPS[group], ports, reconcile_limits(settings.limits, settings.ledger))
    for result in results:
        _log(result)
    counts = {"found": sum(each.found for each in results), "repaired": sum(each.repaired for each in results)}
    logger.info("checked %s", fields({"run": run_id, "group": group, "checks": len(results), **counts}))
    return {result.check: result.status.value for result in results}


def judge(run_id: str) -> dict[str, int]:
    """Fail, once and without retries, where something is left that the run could not repair."""
    with reconciliation_log(_settings().pipeline.database) as log:
        try:
            outcome = verdict(run_id, CHECK_NAMES, log)
        except ReconciliationFindingsError as error:
            # Asking again would find the same: the next run looks anew.
            raise AirflowFailException(str(error)) from error
    counts = {"checks": outcome.checks, "repaired": outcome.repaired}
    logger.info("all well %s", fields({"run": run_id, **counts}))
    return counts


def _settings() -> ReconciliationSettings:
    return ReconciliationSettings(pipeline_settings(), search_access())


def _log(result: CheckResult) -> None:
    for finding in result.findings:
        logger.warning("check=%s status=%s %s", result.check, finding.status, finding)
