"""The form of ``photo_removal_permit``: what Airflow itself refuses before anything runs."""

import copy
from typing import Any

import pytest
from airflow.exceptions import ParamValidationError
from airflow.sdk.exceptions import AirflowFailException

from photo_pipeline.orchestration.retention_tasks import permit_removal

FILLED = {"what": "shards", "most": 120, "reason": "the platform was off", "by": "operator"}


def filled_in(dag_bag: Any, fields: dict[str, Any]) -> Any:
    """The form with these fields, validated as the API does."""
    params = copy.deepcopy(dag_bag.dags["photo_removal_permit"].params)
    params.update(fields)
    return params.validate()


@pytest.mark.parametrize("what", ["shards", "rejected records", "files", "ages"])
def test_what_can_be_meant_is_taken(dag_bag: Any, what: str) -> None:
    """All that a run stops for, but its clocks."""
    assert filled_in(dag_bag, {**FILLED, "what": what}) == {**FILLED, "what": what}


@pytest.mark.parametrize(
    "fields",
    [
        {"what": "clocks"},
        {"what": "outbox entries"},
        {"most": 0},
        {"most": "all"},
        {"reason": ""},
        {"by": ""},
        {"reason": "x" * 501},
    ],
)
def test_what_cannot_be_meant_is_refused(dag_bag: Any, fields: dict[str, Any]) -> None:
    """Without a number, a reason and a name there is no permit."""
    with pytest.raises(ParamValidationError):
        filled_in(dag_bag, {**FILLED, **fields})


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"reason": "  "}, "reason must say why"),
        ({"by": "  "}, "by must say who"),
        ({"what": "clocks"}, "what must be one of shards, rejected records, files, ages"),
        ({"most": "all"}, "most must be a number"),
        ({"most": -1}, "most must be 1 or more"),
    ],
)
def test_what_passes_the_form_and_cannot_be_meant_is_not_retried(fields: dict[str, Any], named: str) -> None:
    """The task says which field, and Airflow does not try that again."""
    with pytest.raises(AirflowFailException, match=named):
        permit_removal({**FILLED, **fields})


def test_every_field_explains_itself(dag_bag: Any) -> None:
    """A title and a sentence for each."""
    params = dag_bag.dags["photo_removal_permit"].params
    for name in params:
        param = params.get_param(name)
        assert param.schema["title"], name
        assert param.description, name
