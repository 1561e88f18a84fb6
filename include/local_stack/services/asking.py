"""How the servers of a stack are asked how they are: often, and in plain HTTP."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import httpx

from local_stack.errors import NotReadyError

# A client reads all authorities of the web otherwise, to speak plain HTTP then: 20 ms of CPU, four times a second for
# each server that starts. This context trusts nobody.
NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def ask(url: str, seconds: float, ca_file: Path | None = None, **options: Any) -> httpx.Response:
    """Return a server's answer to a GET.

    Args:
        url: The whole address.
        seconds: How long to wait for each part of the answer.
        ca_file: Whose certificates are trusted, where the address is one of HTTPS.
        options: For the request, as httpx takes them.

    Raises:
        NotReadyError: None came, or one that says it failed.
    """
    trusted = NO_AUTHORITIES if ca_file is None else ssl.create_default_context(cafile=ca_file)
    try:
        return httpx.get(url, timeout=seconds, verify=trusted, trust_env=False, **options).raise_for_status()
    except httpx.HTTPError as error:
        raise NotReadyError(str(error)) from error
