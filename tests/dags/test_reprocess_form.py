"""The form of ``photo_reprocess``: what Airflow itself refuses before anything runs."""

import copy
from typing import Any

import pytest
from airflow.exceptions import ParamValidationError

WINDOW = {"from": "2026-05-01T00:00:00+00:00", "to": "2026-05-02T00:00:00+00:00"}
CUSTOMER = "7f0c1c2e-6c0b-5d0e-9a60-0d5a3a8f2f11"


def filled_in(dag_bag: Any, fields: dict[str, Any]) -> Any:
    """The form with these fields, validated as the API does."""
    params = copy.deepcopy(dag_bag.dags["photo_reprocess"].params)
    params.update(fields)
    return params.validate()


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"mode": "dead_letters", "reason": "unknown_customer"},
        {"customer_id": CUSTOMER, "format": "heif"},
        {"customer_id": None},
        {"mode": "dead_letters", "record": "photos.uploaded~2-0-7"},
        {"from": "2026-05-01T00:00:00.000Z"},
    ],
)
def test_what_can_be_meant_is_taken(dag_bag: Any, fields: dict[str, Any]) -> None:
    """A window is enough; the rest has defaults."""
    values = filled_in(dag_bag, {**WINDOW, **fields})
    assert {name: values[name] for name in fields} == fields
    assert values["mode"] in {"renditions", "dead_letters"}


@pytest.mark.parametrize(
    "fields",
    [
        {"mode": "everything"},
        {"reason": "ugly"},
        {"format": "raw"},
        {"customer_id": "ada"},
        {"from": 5},
        {"from": "2026-05-01T00:00:00"},
        {"from": "2026-05-01"},
        {"record": "the first one"},
        {"to": None},
    ],
)
def test_what_cannot_be_meant_is_refused(dag_bag: Any, fields: dict[str, Any]) -> None:
    """A value of the wrong type, or none of those that can be chosen."""
    with pytest.raises(ParamValidationError):
        filled_in(dag_bag, {**WINDOW, **fields})


def test_window_has_to_be_filled_in(dag_bag: Any) -> None:
    """There is no default that could reprocess everything by mistake."""
    with pytest.raises(ParamValidationError):
        filled_in(dag_bag, {"mode": "renditions"})


def test_every_field_explains_itself(dag_bag: Any) -> None:
    """A title and a sentence for each."""
    params = dag_bag.dags["photo_reprocess"].params
    for name in params:
        param = params.get_param(name)
        assert param.schema["title"], name
        assert param.description, name
