"""How much strangers may ask for: whoever has a link, or pretends to."""

import math
from collections.abc import Callable

from photo_pipeline.api.throttle import Throttle, ThrottledError
from photo_pipeline.ports.clock import Clock
from photo_pipeline.web.buckets import Buckets, Rate
from photo_pipeline.web.problems import ProblemError, too_many

MAX_NETWORKS = 20_000
RATE = Rate(per_second=20.0, burst=1200.0)
"""Of one network: a page of 500 photos twice at once, and then as fast as somebody looks."""
WRONG_LINKS = 30
"""So many links that lead nowhere are told from one network within five minutes; good ones go on to lead somewhere."""


class Visits:
    """Counts by network. In memory: each instance counts for itself, and a restart forgets.

    Args:
        clock: where the time comes from.
        monotonic: seconds from a clock that never goes back.
    """

    def __init__(self, clock: Clock, monotonic: Callable[[], float]) -> None:
        self._buckets = Buckets[str](RATE, monotonic, MAX_NETWORKS)
        self._wrong = Throttle(WRONG_LINKS, clock)

    def admit(self, network: str) -> None:
        """Let a request pass.

        Raises:
            ProblemError: 429.
        """
        if (seconds := self._buckets.take(network, 1)) > 0:
            raise _too_many(math.ceil(seconds))

    def led_nowhere(self, network: str) -> None:
        """What was asked for is not there: a link that is over, or a guess.

        Raises:
            ProblemError: 429 after too many.
        """
        try:
            self._wrong.check(network)
        except ThrottledError as error:
            raise _too_many(error.retry_seconds) from None
        self._wrong.failed(network)


def _too_many(seconds: int) -> ProblemError:
    return too_many("too_many_requests", "Too many requests from here of late. Please wait a while.", seconds)
