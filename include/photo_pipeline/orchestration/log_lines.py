"""One line for each task, which people read and programs parse: ``name=value``, quoted where a value has blanks."""

import json
from collections.abc import Mapping


def fields(values: Mapping[str, object]) -> str:
    """The values as ``name=value`` (logfmt). Figures, names and ids only: nobody's photo, and no secret."""
    return " ".join(f"{name}={_value(value)}" for name, value in values.items())


def _value(value: object) -> str:
    text = "" if value is None else str(value)
    return json.dumps(text, ensure_ascii=False) if not text or any(char in text for char in ' "=\n\t') else text
