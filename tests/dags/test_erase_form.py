"""The form of ``photo_erase``: what Airflow itself refuses before anything runs."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from airflow.exceptions import ParamValidationError
from airflow.sdk.exceptions import AirflowFailException
from tests.support.signing import new_key

from photo_pipeline.orchestration.erase_tasks import begin

ID = "7f0c1c2e-6c0b-5d0e-9a60-0d5a3a8f2f11"
WHO = {"reason": "case 7", "by": "counsel"}


@pytest.fixture
def key_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The pipeline's key."""
    path = tmp_path / "erasure.jwk"
    path.write_text(json.dumps(new_key().as_dict(private=True)))
    monkeypatch.setenv("PHOTO_ERASURE_KEY_FILE", str(path))
    return path


def filled_in(dag_bag: Any, fields: dict[str, Any]) -> Any:
    """The form with these fields, validated as the API does."""
    params = copy.deepcopy(dag_bag.dags["photo_erase"].params)
    params.update(fields)
    return params.validate()


@pytest.mark.parametrize("fields", [{"photo_id": ID}, {"customer_id": ID}])
def test_what_can_be_meant_is_taken(dag_bag: Any, fields: dict[str, Any]) -> None:
    """A photo or a customer, why, and who asks."""
    assert filled_in(dag_bag, {**WHO, **fields}).items() >= {**WHO, **fields}.items()


@pytest.mark.parametrize(
    "fields",
    [
        {"reason": ""},
        {"by": ""},
        {"reason": "  "},
        {"by": "\t"},
        {"photo_id": "holiday.jpg"},
        {"customer_id": "ada"},
        {"reason": "x" * 501},
    ],
)
def test_what_cannot_be_meant_is_refused(dag_bag: Any, fields: dict[str, Any]) -> None:
    """Nobody's request, no reason, or no id."""
    with pytest.raises(ParamValidationError):
        filled_in(dag_bag, {**WHO, **fields})


@pytest.mark.parametrize("fields", [{}, {"photo_id": ID, "customer_id": ID}])
def test_what_passes_the_form_and_cannot_be_meant_is_not_retried(
    dag_bag: Any, key_file: Path, fields: dict[str, Any]
) -> None:
    """Nothing to erase, or two things: the task says what to fill in, and Airflow does not try that again."""
    assert key_file.exists()
    with pytest.raises(AirflowFailException, match="fill in photo_id for one photo, or customer_id"):
        begin("run", filled_in(dag_bag, {**WHO, **fields}))


@pytest.mark.parametrize(
    ("content", "words"), [(None, "it is not set"), ("", "not JSON"), ("public", "a public key signs nothing")]
)
def test_what_could_not_be_proven_is_not_begun(
    key_file: Path, monkeypatch: pytest.MonkeyPatch, content: str | None, words: str
) -> None:
    """Without a key to sign with, nothing is erased, and no server is asked."""
    if content is None:
        monkeypatch.delenv("PHOTO_ERASURE_KEY_FILE")
    else:
        key_file.write_text(json.dumps(new_key().as_dict(private=False)) if content else "")
    with pytest.raises(AirflowFailException, match=f"PHOTO_ERASURE_KEY_FILE=.*{words}"):
        begin("run", {**WHO, "photo_id": ID})


def test_every_field_explains_itself(dag_bag: Any) -> None:
    """A title and a sentence for each."""
    params = dag_bag.dags["photo_erase"].params
    for name in params:
        param = params.get_param(name)
        assert param.schema["title"], name
        assert param.description, name
