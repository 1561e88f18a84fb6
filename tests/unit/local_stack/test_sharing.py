"""Several test sessions may use one stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local_stack.sharing import Share

if TYPE_CHECKING:
    from pathlib import Path


def test_the_last_user_is_alone(tmp_path: Path) -> None:
    """Who still has company must not stop the stack; who is left may."""
    path = tmp_path / "users.lock"
    with Share(path) as first:
        with Share(path):
            assert not first.take_alone()
        assert first.take_alone()


def test_a_failed_attempt_to_be_alone_keeps_the_share(tmp_path: Path) -> None:
    """Otherwise the other session would take the stack down under this one."""
    path = tmp_path / "users.lock"
    with Share(path) as first, Share(path) as second:
        assert not first.take_alone()
        assert not second.take_alone()


def test_others_are_let_in_again(tmp_path: Path) -> None:
    """After a restart of the stack everybody may use it."""
    path = tmp_path / "users.lock"
    with Share(path) as first:
        assert first.take_alone()
        first.take_shared()
        with Share(path) as second:
            assert not second.take_alone()
