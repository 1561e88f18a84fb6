"""The bodies of ``photo_erase``'s tasks. What is erased is named in no log."""

import dataclasses
import logging
import secrets
from collections.abc import Mapping
from typing import Any

from airflow.sdk.exceptions import AirflowFailException

from photo_pipeline.composition.erase import document_ports, erasure_ledger, proof_ports, rewrite_ports, signer
from photo_pipeline.domain.erasure import Erasure, parse_erase_request
from photo_pipeline.domain.errors import (
    ErasureHeldError,
    ErasureKeyError,
    InvalidEraseRequestError,
    NothingToEraseError,
)
from photo_pipeline.orchestration.connections import pipeline_settings, search_access
from photo_pipeline.orchestration.log_lines import fields
from photo_pipeline.settings import ErasureSettings
from photo_pipeline.use_cases.erase import begin_erasure, blank_documents, prove_erasure, rewrite_shards

logger = logging.getLogger(__name__)

SALT_BYTES = 16
NOT_TO_BE_RETRIED = (InvalidEraseRequestError, NothingToEraseError, ErasureHeldError, ErasureKeyError)


def begin(name: str, parameters: Mapping[str, Any]) -> Erasure:
    """Check the form and have all rows forget what it names. What only a person can mend is not tried again."""
    try:
        signer(ErasureSettings())
        request = parse_erase_request(name, parameters)
        with erasure_ledger(pipeline_settings()) as ledger:
            erasure_id = begin_erasure(request, ledger, lambda: secrets.token_urlsafe(SALT_BYTES))
            erased = ledger.erasure(erasure_id)
    except NOT_TO_BE_RETRIED as error:
        raise AirflowFailException(str(error)) from error
    return erased


def rewrite(erasure_id: int) -> dict[str, int]:
    """Write the shards anew that have it."""
    with rewrite_ports(pipeline_settings()) as ports:
        counts: dict[str, int] = dataclasses.asdict(rewrite_shards(erasure_id, ports))
    logger.info("written anew %s", fields({"erasure": erasure_id, **counts}))
    return counts


def blank(erasure_id: int) -> int:
    """Write the documents of its records again, which name it no more."""
    with document_ports(pipeline_settings(), search_access()) as ports:
        documents = blank_documents(erasure_id, ports)
    logger.info("blanked %s", fields({"erasure": erasure_id, "documents": documents}))
    return documents


def prove(erasure_id: int, documents: int) -> str:
    """Look into what is left and sign the proof."""
    with proof_ports(pipeline_settings(), ErasureSettings()) as ports:
        proof = prove_erasure(erasure_id, documents, ports)
    logger.info("proven %s", fields({"erasure": erasure_id, "proof": proof}))
    return proof
