"""Settings: where ports and folders come from, and which are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from local_stack.errors import SettingsError
from local_stack.settings import REPOSITORY, load_settings
from photo_pipeline.settings import IngestSettings

FIRST_EPHEMERAL_PORT = 32768
TEST_OFFSET = 10_000


def test_state_folder_is_in_the_checkout_unless_told_otherwise(tmp_path: Path) -> None:
    """``.local`` by default; ``PHOTO_STACK_HOME`` over it; the argument over both."""
    assert load_settings({}).home == REPOSITORY / ".local"
    assert load_settings({"PHOTO_STACK_HOME": str(tmp_path)}).home == tmp_path
    assert load_settings({"PHOTO_STACK_HOME": str(tmp_path)}, home=tmp_path / "x").home == tmp_path / "x"


def test_a_variable_moves_one_port_and_the_offset_all_others() -> None:
    """``PHOTO_PORT_KAFKA`` is taken as it is; ``PHOTO_PORT_OFFSET`` is added to the rest."""
    default = load_settings({}).ports
    moved = load_settings({"PHOTO_PORT_KAFKA": "9092", "PHOTO_PORT_OFFSET": "7"}).ports
    assert moved("kafka") == 9092
    assert {name: moved(name) - default(name) for name in default.numbers if name != "kafka"} == dict.fromkeys(
        (name for name in default.numbers if name != "kafka"), 7
    )


def test_the_upload_api_is_one_process_unless_told_otherwise() -> None:
    """``PHOTO_API_PROCESSES`` says how many; what is no such number is refused by name."""
    assert load_settings({}).api_processes == 1
    assert load_settings({"PHOTO_API_PROCESSES": "3"}).api_processes == 3
    for value in ("0", "-1", "many"):
        with pytest.raises(SettingsError, match="PHOTO_API_PROCESSES"):
            load_settings({"PHOTO_API_PROCESSES": value})


def test_two_photos_of_a_slice_are_decoded_at_a_time_unless_told_otherwise() -> None:
    """``PHOTO_INGEST_WORKERS`` says how many; what is no such number is refused by name."""
    assert load_settings({}).ingest_workers == IngestSettings().workers
    assert load_settings({"PHOTO_INGEST_WORKERS": "1"}).ingest_workers == 1
    with pytest.raises(SettingsError, match="PHOTO_INGEST_WORKERS"):
        load_settings({"PHOTO_INGEST_WORKERS": "0"})


def test_no_port_of_either_stack_is_one_the_system_hands_out() -> None:
    """A port in Linux's ephemeral range could be taken by any outgoing connection, so a start would fail at random."""
    for offset in (0, TEST_OFFSET):
        ports = load_settings({}, port_offset=offset).ports
        assert all(port + 2 * 100 < FIRST_EPHEMERAL_PORT for port in ports.numbers.values())


def test_the_test_stack_and_the_demo_stack_share_no_port() -> None:
    """Both can run side by side."""
    demo, test = (set(load_settings({}, port_offset=offset).ports.numbers.values()) for offset in (0, TEST_OFFSET))
    assert not demo & test


def test_further_instances_listen_at_a_fixed_distance() -> None:
    """A second broker needs no setting of its own."""
    ports = load_settings({}).ports
    assert ports("kafka", 3) == ports("kafka") + 200


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"PHOTO_PORT_KAFKA": "many"}, ["PHOTO_PORT_KAFKA", "many"]),
        ({"PHOTO_PORT_OFFSET": "1.5"}, ["PHOTO_PORT_OFFSET", "1.5"]),
        ({"PHOTO_PORT_KAFKA": "70000"}, ["PHOTO_PORT_KAFKA", "70000"]),
        ({"PHOTO_PORT_OFFSET": "-16000"}, ["no TCP port"]),
        ({"PHOTO_PORT_KAFKA": "15432"}, ["PHOTO_PORT_KAFKA", "15432", "postgres"]),
        ({"PHOTO_STACK_HOME": "/home/it's mine"}, ["it's mine"]),
    ],
)
def test_an_unusable_value_is_named(environment: dict[str, str], words: list[str]) -> None:
    """The one line says which setting is wrong and what stands there."""
    with pytest.raises(SettingsError) as caught:
        load_settings(environment)
    assert all(word in str(caught.value) for word in words)
    assert "\n" not in str(caught.value)


def test_folders_with_spaces_and_percent_signs_are_fine() -> None:
    """Such names do occur, and the supervisor's file can hold them."""
    assert load_settings({"PHOTO_STACK_HOME": "/home/50% of my photos"}).home == Path("/home/50% of my photos")
