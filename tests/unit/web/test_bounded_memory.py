"""What is remembered: as much as fits, what was asked for lately first."""

from photo_pipeline.web.bounded_memory import BoundedMemory


def test_what_was_not_asked_for_the_longest_makes_room() -> None:
    """Asking keeps."""
    memory = BoundedMemory[str, int](2)
    memory.put("a", 1)
    memory.put("b", 2)
    assert memory.get("a") == 1
    memory.put("c", 3)
    assert (memory.get("a"), memory.get("b"), memory.get("c")) == (1, None, 3)


def test_sizes_count() -> None:
    """However many values that are; putting one again counts it once."""
    memory = BoundedMemory[int, bytes](10, len)
    for number in range(5):
        memory.put(number, bytes(3))
        assert memory.used <= 10
    assert [number for number in range(5) if memory.get(number)] == [2, 3, 4]
    memory.put(4, bytes(1))
    assert memory.used == 7


def test_what_does_not_fit_drives_nothing_out() -> None:
    """It is not kept; what was there under its name is gone, as it would be wrong now."""
    memory = BoundedMemory[str, bytes](10, len)
    memory.put("a", bytes(4))
    memory.put("b", bytes(4))
    memory.put("b", bytes(11))
    assert (memory.get("a"), memory.get("b"), memory.used) == (bytes(4), None, 4)


def test_without_room_nothing_is_kept() -> None:
    """As where an operator turns it off."""
    memory = BoundedMemory[str, bytes](0, len)
    memory.put("a", b"1")
    assert (memory.get("a"), memory.used) == (None, 0)


def test_all_can_be_forgotten() -> None:
    """And the room is there again."""
    memory = BoundedMemory[str, bytes](10, len)
    memory.put("a", bytes(10))
    memory.clear()
    memory.put("b", bytes(10))
    assert (memory.get("a"), memory.get("b")) == (None, bytes(10))
