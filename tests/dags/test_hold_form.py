"""The form of ``photo_hold``: what Airflow itself refuses before anything runs."""

import copy
from typing import Any

import pytest
from airflow.exceptions import ParamValidationError
from airflow.sdk.exceptions import AirflowFailException

from photo_pipeline.orchestration.holds_tasks import change

ID = "7f0c1c2e-6c0b-5d0e-9a60-0d5a3a8f2f11"


def filled_in(dag_bag: Any, fields: dict[str, Any]) -> Any:
    """The form with these fields, validated as the API does."""
    params = copy.deepcopy(dag_bag.dags["photo_hold"].params)
    params.update(fields)
    return params.validate()


@pytest.mark.parametrize(
    "fields",
    [
        {"photo_id": ID, "reason": "case 7"},
        {"customer_id": ID, "photo_id": None, "reason": "audit"},
        {"action": "lift", "customer_id": ID},
    ],
)
def test_what_can_be_meant_is_taken(dag_bag: Any, fields: dict[str, Any]) -> None:
    """A photo or a customer, and who asks; a lift needs no reason."""
    values = filled_in(dag_bag, {"by": "counsel", **fields})
    assert {name: values[name] for name in fields} == fields
    assert values["action"] in {"set", "lift"}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"by": ""},
        {"by": "  "},
        {"by": "counsel", "reason": " "},
        {"by": "counsel", "action": "forget"},
        {"by": "counsel", "photo_id": "holiday.jpg"},
        {"by": "counsel", "customer_id": "ada"},
        {"by": "counsel", "reason": "x" * 501},
    ],
)
def test_what_cannot_be_meant_is_refused(dag_bag: Any, fields: dict[str, Any]) -> None:
    """Nobody's request, or a value that is none of those that can be chosen."""
    with pytest.raises(ParamValidationError):
        filled_in(dag_bag, fields)


def test_what_passes_the_form_and_cannot_be_meant_is_not_retried(dag_bag: Any) -> None:
    """No photo and no customer: the task says what to fill in, and Airflow does not try that again."""
    with pytest.raises(AirflowFailException, match="fill in photo_id"):
        change(filled_in(dag_bag, {"by": "counsel", "reason": "case 7"}))


def test_every_field_explains_itself(dag_bag: Any) -> None:
    """A title and a sentence for each."""
    params = dag_bag.dags["photo_hold"].params
    for name in params:
        param = params.get_param(name)
        assert param.schema["title"], name
        assert param.description, name
