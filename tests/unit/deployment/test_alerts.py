"""Alert rules: what they do on recorded samples, that their metrics exist, and that the runbook has each of them."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client import CollectorRegistry

from photo_pipeline.metrics.gauges import (
    BacklogGauges,
    LedgerGauges,
    LogGauges,
    OutcomeCounters,
    RefreshGauges,
    ServerGauges,
)
from photo_pipeline.web.metrics import RequestMetrics

Document = dict[str, Any]
Run = Callable[..., "CompletedProcess[str]"]
# What others export: Prometheus itself, Airflow's StatsD exporter, the kubelet, Strimzi's Kafka exporter.
FOREIGN = {
    "up",
    "airflow_scheduler_heartbeat",
    "kubelet_volume_stats_available_bytes",
    "kubelet_volume_stats_capacity_bytes",
    "kafka_topic_partition_under_replicated_partition",
}


@pytest.fixture(scope="module")
def groups(root: Path) -> list[Document]:
    """The groups of rules."""
    found: list[Document] = yaml.safe_load((root / "monitoring" / "photo-alerts.yaml").read_text())["groups"]
    return found


@pytest.fixture(scope="module")
def alerts(groups: list[Document]) -> dict[str, Document]:
    """The rules by their names."""
    rules = [rule for group in groups for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules)
    return {rule["alert"]: rule for rule in rules}


@pytest.fixture(scope="module")
def promtool(tool: Callable[[str], str | None]) -> str:
    """Prometheus' own checker."""
    found = tool("promtool")
    if found is None:
        pytest.skip("promtool is not installed; the expressions are parsed all the same")
    return found


def selectors(node: Any) -> Iterator[str]:
    """The names of the metrics in a parsed expression."""
    if isinstance(node, promql_parser.VectorSelector):
        yield str(node.name)
    for part in ("lhs", "rhs", "expr", "vector_selector", "args"):
        inner = getattr(node, part, None)
        for each in inner if isinstance(inner, list) else [inner]:
            if each is not None:
                yield from selectors(each)


def exported() -> set[str]:
    """The names of all samples that our own processes export."""
    registry = CollectorRegistry()
    RequestMetrics(registry)
    for part in (BacklogGauges, LogGauges, LedgerGauges, OutcomeCounters, ServerGauges, RefreshGauges):
        part(registry)
    endings = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}
    return {f"{metric.name}{ending}" for metric in registry.collect() for ending in endings[metric.type]}


def test_rules_are_valid_for_prometheus(promtool: str, run: Run) -> None:
    """Promtool accepts the file."""
    done = run(promtool, "check", "rules", "monitoring/photo-alerts.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_rules_do_what_they_promise_on_recorded_samples(promtool: str, run: Run) -> None:
    """Every alert fires where it must and is silent where it must be."""
    done = run(promtool, "test", "rules", "photo-alerts.test.yaml", folder="monitoring")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_recorded_firing_and_silent(alerts: dict[str, Document], root: Path) -> None:
    """A rule that cannot fire, or always does, would pass half of the cases."""
    cases = yaml.safe_load((root / "monitoring" / "photo-alerts.test.yaml").read_text())["tests"]
    seen = {(test["alertname"], bool(test["exp_alerts"])) for case in cases for test in case["alert_rule_test"]}
    assert seen == {(name, fires) for name in alerts for fires in (True, False)}


def test_every_metric_is_exported_by_somebody(alerts: dict[str, Document]) -> None:
    """A rule over a misspelt metric would be silent for ever."""
    known = exported()
    for name, rule in alerts.items():
        named = set(selectors(promql_parser.parse(rule["expr"])))
        assert named, name
        assert named <= known | FOREIGN, name


def test_alert_says_how_bad_and_for_how_long(alerts: dict[str, Document]) -> None:
    """Whoever is woken reads one sentence of what is wrong and one of what it means."""
    for name, rule in alerts.items():
        assert rule["labels"]["severity"] in {"warning", "critical"}, name
        assert re.fullmatch(r"\d+m", rule["for"]), name
        assert rule["annotations"]["summary"], name
        assert rule["annotations"]["description"].endswith("."), name


def test_every_alert_has_its_page_and_every_page_its_alert(alerts: dict[str, Document], root: Path) -> None:
    """The rule links to the section of the runbook that has its name; no section is left of an alert that is gone."""
    sections = re.findall(r"^### (Photo\w+)$", (root / "docs" / "operations.md").read_text(), re.MULTILINE)
    assert sorted(sections) == sorted(alerts)
    for name, rule in alerts.items():
        assert rule["annotations"]["runbook_url"].endswith(f"docs/operations.md#{name.lower()}"), name


def test_production_has_the_same_rules(groups: list[Document], manifests: list[Document]) -> None:
    """The operator's resource holds the groups of the file, word for word."""
    (resource,) = [document for document in manifests if document["kind"] == "PrometheusRule"]
    assert resource["spec"]["groups"] == groups


def test_runbook_names_commands_that_exist(root: Path) -> None:
    """Every `make` target and every DAG that the runbook names is there."""
    text = (root / "docs" / "operations.md").read_text()
    targets = set(re.findall(r"^([a-z]+):", (root / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)(?:STACK=\w+ )?make ([a-z]+)", text, re.MULTILINE))
    assert named
    assert named <= targets
    dags = {path.stem for path in (root / "dags").glob("*.py")}
    assert set(re.findall(r"dags (?:trigger|list-runs|unpause|pause|test) (\w+)", text)) <= dags
