"""What was made once and may be needed again: as much of it as fits, and what nobody asked for goes first."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class BoundedMemory(Generic[Key, Value]):
    """Belongs to one thread.

    Args:
        room: how much fits.
        size: how much of it a value takes; each the same when left out, so that ``room`` is a number of values.
    """

    def __init__(self, room: int, size: Callable[[Value], int] = lambda _: 1) -> None:
        self._room = room
        self._size = size
        self._used = 0
        self._values: OrderedDict[Key, Value] = OrderedDict()

    @property
    def used(self) -> int:
        """How much of the room is taken."""
        return self._used

    def __contains__(self, key: Key) -> bool:
        """Whether it is still there; that somebody looked is not remembered."""
        return key in self._values

    def get(self, key: Key) -> Value | None:
        """What was put there last, if it is still there."""
        found = self._values.get(key)
        if found is not None:
            self._values.move_to_end(key)
        return found

    def put(self, key: Key, value: Value) -> None:
        """Remember; what was not asked for the longest makes room. What would not fit alone is not kept."""
        self.drop(key)
        if self._size(value) > self._room:
            return
        self._values[key] = value
        self._used += self._size(value)
        while self._used > self._room:
            _, oldest = self._values.popitem(last=False)
            self._used -= self._size(oldest)

    def drop(self, key: Key) -> None:
        """Forget one."""
        dropped = self._values.pop(key, None)
        if dropped is not None:
            self._used -= self._size(dropped)

    def clear(self) -> None:
        """Forget all."""
        self._values.clear()
        self._used = 0
