"""Settings as an operator gives them: what is missing or wrong ends the start in one line that names the variable."""

import multiprocessing
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings
from uvicorn.config import STARTUP_FAILURE

from photo_pipeline.domain.errors import PhotoPipelineError

AnySettings = TypeVar("AnySettings", bound=BaseSettings)


class SettingsError(PhotoPipelineError):
    """Environment variables that are missing or cannot be used. No value is in the message: it may be a password."""

    def __init__(self, prefix: str, error: ValidationError) -> None:
        found = [f"{prefix}{'_'.join(str(part) for part in item['loc'])}".upper() for item in error.errors()]
        reasons = [item["msg"].lower() for item in error.errors()]
        super().__init__("; ".join(f"{name}: {reason}" for name, reason in zip(found, reasons, strict=True)))


def read_settings(kind: type[AnySettings]) -> AnySettings:
    """Settings of that kind from the environment.

    Raises:
        SettingsError: when they are not complete.
    """
    try:
        return kind.model_validate({})
    except ValidationError as error:
        raise SettingsError(kind.model_config.get("env_prefix", ""), error) from error


@contextmanager
def failing_in_one_line() -> Iterator[None]:
    """End the process with the message alone where the operator has to change something.

    One of several processes tells uvicorn that it is no use to start it again; then all end.
    """
    try:
        yield
    except PhotoPipelineError as error:
        if multiprocessing.parent_process() is None:
            sys.exit(f"cannot start: {error}")
        print(f"cannot start: {error}", file=sys.stderr)  # noqa: T201 - as sys.exit does
        sys.exit(STARTUP_FAILURE)
