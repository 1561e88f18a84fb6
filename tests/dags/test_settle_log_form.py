"""The form of ``photo_settle_log``: what Airflow itself refuses before anything runs."""

import copy
from typing import Any

import pytest
from airflow.exceptions import ParamValidationError
from airflow.sdk.exceptions import AirflowFailException

from photo_pipeline.orchestration.logs_tasks import settle

MEANT = {"topic": "photos.uploaded", "reason": "deleted by mistake", "by": "operator"}


def filled_in(dag_bag: Any, fields: dict[str, Any]) -> Any:
    """The form with these fields, validated as the API does."""
    params = copy.deepcopy(dag_bag.dags["photo_settle_log"].params)
    params.update(fields)
    return params.validate()


@pytest.mark.parametrize("partition", [None, 0, 23])
def test_what_can_be_meant_is_taken(dag_bag: Any, partition: int | None) -> None:
    """A topic, all of it or a partition; who decides, and why."""
    assert filled_in(dag_bag, {**MEANT, "partition": partition})["partition"] == partition


@pytest.mark.parametrize("fields", [{"topic": ""}, {"reason": ""}, {"by": ""}, {"partition": -1}, {"partition": "all"}])
def test_what_cannot_be_meant_is_refused(dag_bag: Any, fields: dict[str, Any]) -> None:
    """Nothing is given up without a reason and a name."""
    with pytest.raises(ParamValidationError):
        filled_in(dag_bag, {**MEANT, **fields})


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"reason": "  "}, "reason must say why"),
        ({"reason": "a\x00b"}, "must be text that can be printed"),
        ({"by": "\ud800"}, "must be text that can be printed"),
        ({"partition": "9" * 5000}, "partition must be a number"),
    ],
)
def test_what_passes_the_form_and_cannot_be_meant_is_not_retried(fields: dict[str, Any], problem: str) -> None:
    """The task says what to fill in, and Airflow does not try that again."""
    with pytest.raises(AirflowFailException, match=problem):
        settle({**MEANT, **fields})


def test_every_field_explains_itself(dag_bag: Any) -> None:
    """A title and a sentence for each."""
    params = dag_bag.dags["photo_settle_log"].params
    for name in params:
        param = params.get_param(name)
        assert param.schema["title"], name
        assert param.description, name
