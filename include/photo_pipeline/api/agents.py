"""What a session was begun with, in a few words by which its customer knows it again.

Browsers have frozen what they say of themselves, so a short list does. Versions are left out: they would tell one
person from others, and nobody needs them here.
"""

import re

_PROGRAMS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
"""By what their ``User-Agent`` has and those above have not: most say that they are also what stands below them."""
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "Mac"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)
_PROGRAM = re.compile(r"[A-Za-z][A-Za-z0-9 ._+-]{0,49}", re.ASCII)


def agent_named(user_agent: str) -> str | None:
    """``Firefox on Linux``; a program that is no browser by the name that it gives; ``None`` where there is none."""
    if not user_agent.startswith("Mozilla/"):
        found = _PROGRAM.match(user_agent.partition("/")[0])
        return None if found is None else found[0].strip()
    names = (_first(_PROGRAMS, user_agent), _first(_SYSTEMS, user_agent))
    return " on ".join(name for name in names if name is not None) or None


def _first(known: tuple[tuple[str, str], ...], user_agent: str) -> str | None:
    return next((name for mark, name in known if mark in user_agent), None)
