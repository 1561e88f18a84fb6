"""Fields of the forms that operators fill in, as Airflow hands them over."""

from collections.abc import Callable, Mapping
from uuid import UUID


def text_of(parameters: Mapping[str, object], name: str) -> str:
    """What was typed, without the space around it; empty where nothing was."""
    return str(parameters.get(name) or "").strip()


def id_of(parameters: Mapping[str, object], name: str, refused: Callable[[str], Exception]) -> UUID | None:
    """The id that was typed; ``None`` where nothing was.

    Args:
        parameters: of the form.
        name: of the field.
        refused: makes the error, of one line that names the field and what it should be.
    """
    text = text_of(parameters, name)
    if not text:
        return None
    try:
        return UUID(text)
    except ValueError:
        raise refused(f"{name} must be an id such as {UUID(int=1)}, not {text!r}") from None
