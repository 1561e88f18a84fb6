"""The way from the event loop to the database."""

from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

from anyio import CapacityLimiter, to_thread

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")


class Database:
    """Runs calls that block on the database in threads of their own, as many as it has connections."""

    def __init__(self, connections: int) -> None:
        self._threads = CapacityLimiter(connections)

    async def run(self, call: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
        """Wait for ``call(*arguments)``."""
        return await to_thread.run_sync(call, *arguments, limiter=self._threads)
