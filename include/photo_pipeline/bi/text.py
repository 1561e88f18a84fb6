"""Numbers as people write them."""

_BYTE_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_THOUSAND = 1000


def byte_text(number: float) -> str:
    """Bytes in the decimal unit that leaves one to three digits before the point."""
    for unit in _BYTE_UNITS[:-1]:
        if number < _THOUSAND:
            return f"{number:,.0f} B" if unit == "B" else f"{number:.1f} {unit}"
        number /= _THOUSAND
    return f"{number:,.1f} {_BYTE_UNITS[-1]}"
