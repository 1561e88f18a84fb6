"""Servers that start are asked often: that must cost next to nothing."""

import ssl

import pytest

from local_stack.errors import NotReadyError
from local_stack.services.asking import ask


def test_no_certificate_is_read_to_ask_in_plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody reads the authorities of the web to find that a port is still closed."""

    def read_authorities(*_: object, **__: object) -> ssl.SSLContext:
        raise AssertionError

    monkeypatch.setattr(ssl, "create_default_context", read_authorities)
    with pytest.raises(NotReadyError):
        ask("http://127.0.0.1:1/healthz", 1)
