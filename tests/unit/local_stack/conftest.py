"""A stack's settings and context in a temporary folder; nothing is started."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local_stack.credentials import Credentials
from local_stack.endpoints import endpoints_of
from local_stack.layout import layout_of
from local_stack.services import Context
from local_stack.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from local_stack.settings import StackSettings


@pytest.fixture
def settings(tmp_path: Path) -> StackSettings:
    """Give the default settings, as an ordinary user, in a folder of the test."""
    loaded = load_settings({"PHOTO_CACHE": str(tmp_path / "cache")}, home=tmp_path / "home")
    return replace(loaded, is_root=False, user="somebody")


@pytest.fixture
def make_context(settings: StackSettings) -> Callable[..., Context]:
    """Give a maker of contexts; its arguments replace settings."""

    def make(**changes: object) -> Context:
        changed = replace(settings, **changes)  # type: ignore[arg-type]  # any field of the settings
        layout = layout_of(changed)
        layout.make()
        credentials = Credentials(layout.secrets)
        return Context(changed, layout, credentials, endpoints_of(changed, credentials), Path("/opt/java"))

    return make
