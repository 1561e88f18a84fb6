"""What photos are called when they are saved: by a browser, and in a ZIP."""

import re
from collections.abc import Iterable, Iterator
from unicodedata import normalize
from urllib.parse import quote
from uuid import UUID

MOST_BYTES = 180
"""Of a name in a ZIP, in UTF-8: file systems take 255, some tools add to it, and a number may have to."""
# A HEIC file is as often called one as the other; MPO, what many cameras write, is a JPEG.
_ENDINGS = {
    "jpeg": {"jpg", "jpeg", "jpe", "jfif", "mpo"},
    "tiff": {"tif", "tiff"},
    "heic": {"heic", "heif", "hif"},
}
_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069<>:"/\\|?*]')
"""What no folder of some system takes, what leads out of it, and what turns a name around."""
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?", re.IGNORECASE)
"""Devices, to Windows, whatever comes after the first point."""


def file_name(filename: str | None, content_type: str, photo_id: UUID) -> str:
    """As its sender called it, but never ending like something else than the picture that it is, such as ``.html``."""
    subtype = content_type.partition("/")[2]
    name = filename or str(photo_id)
    return name if name.lower().rpartition(".")[2] in _ENDINGS.get(subtype, {subtype}) else f"{name}.{subtype}"


def disposition(name: str) -> str:
    """``Content-Disposition`` of something to save (RFC 6266): its name as it is for today's clients, in ASCII too."""
    ascii_name = "".join(c if c.isascii() and c not in '"\\%' else "_" for c in name)
    return f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(name, safe='')}"


def safe_name(name: str) -> str:
    """The name as any system can keep it in a folder, with its ending."""
    cleaned = _UNSAFE.sub("_", name).strip(" .")
    stem, point, ending = cleaned.rpartition(".")
    if not point:
        stem, ending = cleaned, ""
    tail = point + ending
    if len(tail.encode()) > MOST_BYTES // 2:
        stem, tail = stem + tail, ""
    stem = _cut(stem, MOST_BYTES - len(tail.encode())).rstrip(" .") or "photo"
    return f"_{stem}{tail}" if _RESERVED.fullmatch(stem + tail) else stem + tail


def unlike_each_other(names: Iterable[str]) -> Iterator[str]:
    """The names in their order, each with a number where another has the same, to systems that ignore case too."""
    taken: set[str] = set()
    numbers: dict[str, int] = {}
    for name in names:
        stem, point, ending = name.rpartition(".")
        stem, tail = (stem, point + ending) if stem else (name, "")
        key, given = _folded(name), name
        number = numbers.get(key, 1)
        while _folded(given) in taken:
            number += 1
            given = f"{stem} ({number}){tail}"
        numbers[key] = number
        taken.add(_folded(given))
        yield given


def _folded(name: str) -> str:
    return normalize("NFC", normalize("NFC", name).casefold())


def _cut(text: str, size: int) -> str:
    """The longest beginning of so many bytes."""
    return text.encode()[:size].decode(errors="ignore")
