"""Layout: where data lies, who may reach it, and what `make clean` takes away."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local_stack.errors import UnreadableForServiceUserError
from local_stack.layout import SERVICE_USER, SOCKET_PATH_LIMIT, Layout, layout_of, open_to_others

if TYPE_CHECKING:
    from local_stack.settings import StackSettings


def test_an_ordinary_users_data_is_in_the_state_folder(settings: StackSettings) -> None:
    """Nobody else has to reach it."""
    layout = layout_of(settings)
    assert layout.data == settings.home / "data"
    assert layout.service_user is None


def test_roots_data_moves_out_of_a_folder_that_is_closed_to_others(settings: StackSettings, tmp_path: Path) -> None:
    """PostgreSQL and Elasticsearch run as another user, who cannot pass through root's closed home."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    layout = layout_of(replace(settings, is_root=True, home=closed / "stack"))
    assert not layout.data.is_relative_to(closed)
    assert layout.service_user == SERVICE_USER


def test_two_closed_state_folders_have_two_data_folders(settings: StackSettings, tmp_path: Path) -> None:
    """The data folder outside is named after the state folder."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    one, two = (layout_of(replace(settings, is_root=True, home=closed / name)).data for name in "ab")
    assert one != two


def test_roots_data_stays_in_an_open_state_folder(settings: StackSettings) -> None:
    """Then the other user can get there."""
    home = Path("/no-such-folder/stack")
    assert open_to_others(home)
    assert layout_of(replace(settings, is_root=True, home=home)).data == home / "data"


def test_a_cache_that_the_service_user_cannot_enter_is_refused(tmp_path: Path) -> None:
    """The message names the folder and the variable that chooses another."""
    tmp_path.chmod(0o700)
    layout = Layout(home=tmp_path, data=tmp_path, service_user="other")
    with pytest.raises(UnreadableForServiceUserError, match="PHOTO_CACHE"):
        layout.check_readable(tmp_path, "PHOTO_CACHE")


def test_secrets_are_closed_to_others(settings: StackSettings) -> None:
    """Passwords are the owner's only, whatever the umask."""
    layout = layout_of(settings)
    layout.make()
    assert layout.secrets.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(("service_user", "mode"), [(None, 0o700), ("other", 0o711)])
def test_nobody_else_lists_or_reads_what_a_stack_writes(tmp_path: Path, service_user: str | None, mode: int) -> None:
    """Others pass through at most: the user whom two servers run as has folders of its own in there."""
    layout = Layout(home=tmp_path / "home", data=tmp_path / "home" / "data", service_user=service_user)
    layout.make()
    for folder in (layout.home, layout.data, layout.logs, layout.config, layout.airflow_home):
        assert folder.stat().st_mode & 0o777 == mode


def test_the_socket_fits_even_where_the_state_folder_does_not(settings: StackSettings) -> None:
    """A Unix socket's path has about a hundred bytes; checkouts can be deeper."""
    deep = replace(settings, home=Path("/") / ("deep/" * 40))
    assert len(str(layout_of(deep).supervisor_socket)) <= SOCKET_PATH_LIMIT


def test_clean_takes_the_stacks_files_and_no_others(settings: StackSettings) -> None:
    """A state folder set to somebody's own folder does not cost them their files."""
    layout = layout_of(settings)
    layout.make()
    (layout.data / "x").write_text("a server's")
    layout.endpoints.write_text("ours")
    (layout.home / "holiday.jpg").write_text("theirs")
    layout.remove()
    assert [path.name for path in layout.home.iterdir()] == ["holiday.jpg"]


def test_clean_removes_an_empty_state_folder(settings: StackSettings) -> None:
    """Nothing of the stack stays behind."""
    layout = layout_of(settings)
    layout.make()
    layout.remove()
    assert not layout.home.exists()
