"""Numbers as Kibana writes them: the value, and how far the true one may be from it by rounding."""

import re
from dataclasses import dataclass

WRITTEN = re.compile(r"(?P<number>-?[\d,]+(?:\.(?P<decimals>\d+))?)\s*(?P<unit>[A-Za-z%]*)")
MILLISECONDS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_LONG = {"milliseconds": "ms", "seconds": "s", "minutes": "m", "min": "m", "hours": "h", "days": "d"}
BYTES = {"B": 1, "KB": 1024, "MB": 1024**2, "GB": 1024**3, "TB": 1024**4}


@dataclass(frozen=True)
class Written:
    """A number that was read.

    Attributes:
        value: in bytes, milliseconds, parts of one, or as it is.
        off: half of its last digit.
    """

    value: float
    off: float

    def is_about(self, wanted: float, estimate: float = 0.0) -> bool:
        """Whether the true number may be this one; an estimate may be off by so large a part of it."""
        return abs(self.value - wanted) <= self.off * 1.001 + abs(wanted) * estimate


def read(text: str) -> Written | None:
    """The number in a text; none where it has none. ``s`` and ``d`` are units of time, ``B`` of bytes."""
    found = WRITTEN.search(text)
    if found is None:
        return None
    unit = _LONG.get(found["unit"].lower(), found["unit"])
    times = BYTES.get(unit.upper()) if unit.upper() in BYTES else MILLISECONDS.get(unit.lower())
    scale = 0.01 if unit == "%" else float(times or 1)
    off = 0.5 * 10 ** -len(found["decimals"] or "")
    exact = scale == 1 and not found["decimals"]
    return Written(float(found["number"].replace(",", "")) * scale, 0 if exact else off * scale)
