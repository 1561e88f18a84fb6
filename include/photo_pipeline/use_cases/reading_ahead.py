"""Reading while what was read before is being worked on; only so many bytes ahead."""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, Future
from types import TracebackType
from typing import Generic, Self, TypeVar

T = TypeVar("T")
Result = TypeVar("Result")


class Ahead(Generic[T]):
    """Iterates in a thread of its own. Whatever that raises, whoever takes the items is told behind the last one.

    Args:
        items: what is read; closed in that thread, however the reading ends.
        weigh: how many bytes an item holds.
        limit: how many bytes wait to be taken, and one item more.
    """

    def __init__(self, items: Generator[T, None, None], weigh: Callable[[T], int], limit: int) -> None:
        self._items = items
        self._weigh = weigh
        self._limit = limit
        self._waiting: deque[T] = deque()
        self._bytes = 0
        self._changed = threading.Condition()
        self._failure: BaseException | None = None
        self._read_all = self._given_up = False
        self._thread = threading.Thread(target=self._run, name="read-ahead", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._changed:
            self._given_up = True
            self._changed.notify_all()
        self._thread.join()

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._read_all)
            if self._waiting:
                item = self._waiting.popleft()
                self._bytes -= self._weigh(item)
                self._changed.notify_all()
                return item
        raise self._failure or StopIteration

    def _run(self) -> None:
        try:
            try:
                for item in self._items:
                    if not self._offer(item):
                        break
            finally:
                self._items.close()
        except BaseException as error:  # noqa: BLE001 - it is raised where the items are taken
            self._failure = error
        with self._changed:
            self._read_all = True
            self._changed.notify_all()

    def _offer(self, item: T) -> bool:
        """Wait for room; ``False`` where nobody will take any more."""
        with self._changed:
            self._waiting.append(item)
            self._bytes += self._weigh(item)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._bytes <= self._limit or self._given_up)
            return not self._given_up


def in_order(
    items: Iterable[T], call: Callable[[T], Result], weigh: Callable[[T], int], limit: int, threads: Executor
) -> Iterator[tuple[T, Result]]:
    """Each item with what the call made of it, in their order, while calls for the next ones are under way.

    Args:
        items: what to call for.
        call: run in one of the threads.
        weigh: how many bytes a call's result will have.
        limit: how many bytes are under way or wait to be taken; one result more where it is larger than that.
        threads: where calls run.
    """
    under_way: deque[tuple[T, Future[Result]]] = deque()
    held = 0
    try:
        for item in items:
            while under_way and held + weigh(item) > limit:
                first, future = under_way.popleft()
                yield first, future.result()
                held -= weigh(first)
            under_way.append((item, threads.submit(call, item)))
            held += weigh(item)
        while under_way:
            first, future = under_way.popleft()
            yield first, future.result()
    finally:
        for _, future in under_way:
            future.cancel()
