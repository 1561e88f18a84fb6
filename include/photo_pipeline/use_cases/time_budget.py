"""How long a piece of work may go on."""

from collections.abc import Callable


class TimeBudget:
    """Begins to run when it is made.

    Args:
        monotonic: seconds from a clock that never goes back.
        seconds: how many of them there are.
    """

    def __init__(self, monotonic: Callable[[], float], seconds: float) -> None:
        self._monotonic = monotonic
        self._end = monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds, never below 0."""
        return max(0.0, self._end - self._monotonic())

    @property
    def is_spent(self) -> bool:
        """Whether nothing is left."""
        return not self.left
