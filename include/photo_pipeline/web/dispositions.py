"""What ``Content-Disposition`` calls a file, as browsers, programs and cameras write it."""

import re
from urllib.parse import unquote_to_bytes

from python_multipart.multipart import parse_options_header

_QUOTED = re.compile(rb'"(?:[^"\\]|\\.)*"')
_EXTENDED = re.compile(
    rb";\s*filename\*\s*=\s*(?P<charset>utf-8|iso-8859-1)'[\w-]*'(?P<value>[^\s;\"]*)", re.IGNORECASE
)
"""``filename*`` of RFC 8187: a character set, a language that nobody uses, and percent-encoded bytes."""
_BROWSERS = {"%22": '"', "%0d": "\r", "%0a": "\n"}
"""What browsers escape in a quoted name (WHATWG HTML, multipart/form-data), and nothing else: ``%`` itself stays."""
_ESCAPED = re.compile("|".join(_BROWSERS), re.IGNORECASE)


class Disposition:
    """A header ``Content-Disposition``."""

    def __init__(self, header: bytes) -> None:
        self._header = header
        _, self._options = parse_options_header(header)

    @property
    def name(self) -> str | None:
        """Of the form's field."""
        found = self._options.get(b"name")
        return None if found is None else found.decode(errors="replace")

    @property
    def filename(self) -> str | None:
        """Of the file: ``filename*`` where it can be read, as it says more (RFC 6266, 4.3); else ``filename``.

        RFC 7578 would have no ``filename*`` in forms. Clients send it, and names are lost without it.
        """
        plain = self._options.get(b"filename")
        return self._extended() or (None if plain is None else _unescaped(plain.decode(errors="replace")))

    def _extended(self) -> str | None:
        found = _EXTENDED.search(_QUOTED.sub(b'""', self._header))
        if found is None:
            return None
        try:
            return unquote_to_bytes(found["value"]).decode(found["charset"].decode())
        except UnicodeDecodeError:
            return None


def _unescaped(name: str) -> str:
    return _ESCAPED.sub(lambda found: _BROWSERS[found[0].lower()], name)
