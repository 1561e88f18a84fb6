"""Settings as an operator gives them: what is missing or wrong ends the start in one line that names the variable."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings

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
    """End the process with the message alone where the operator has to change something."""
    try:
        yield
    except PhotoPipelineError as error:
        sys.exit(f"cannot start: {error}")
