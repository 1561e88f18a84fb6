"""Calls of a library that knows no time limit: each in a thread that nobody waits for longer than the limit."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")

IDLE_SECONDS = 10.0
"""How long a thread waits for its next call. Starting one costs as much as a short call."""


class BoundedCalls:
    """Runs so many calls at a time, each under a time limit.

    Threads are kept for the next call. One whose call does not end is left to itself, as a daemon: it counts as in
    flight until the call ends after all.

    Args:
        timeout_seconds: for a free thread, and for a call's answer.
        in_flight: how many calls there may be at a time.
        name: of the threads.
    """

    def __init__(self, timeout_seconds: float, in_flight: int, name: str) -> None:
        self._timeout = timeout_seconds
        self._free = threading.BoundedSemaphore(in_flight)
        self._name = name
        self._lock = threading.Lock()
        self._idle: list[_Caller] = []

    def run(self, call: Callable[[], T]) -> T:
        """Run the call and wait for it.

        Raises:
            TimeoutError: when it takes too long.
        """
        return self.wait(self.start(call))

    def start(self, call: Callable[[], T]) -> "Future[T]":
        """Begin a call; its answer is to be waited for with ``wait``.

        Raises:
            TimeoutError: when there are too many that do not end.
        """
        if not self._free.acquire(timeout=self._timeout):
            raise TimeoutError
        answer: Future[T] = Future()
        with self._lock:
            caller = self._idle.pop() if self._idle else None
        if caller is None:
            caller = _Caller(self._name, self._take_back, self._retire)
            caller.start()
        caller.jobs.put((call, answer))
        return answer

    def wait(self, answer: "Future[T]") -> T:
        """What a call came to. Raises whatever it raised, or ``TimeoutError`` when it takes too long."""
        return answer.result(self._timeout)

    def _take_back(self, caller: "_Caller") -> None:
        with self._lock:
            self._idle.append(caller)
        self._free.release()

    def _retire(self, caller: "_Caller") -> bool:
        """Whether the thread may end: not if somebody has just taken it, as then a call is on its way."""
        with self._lock:
            may_end = caller in self._idle
            if may_end:
                self._idle.remove(caller)
        return may_end


class _Caller(threading.Thread):
    """One thread: call after call, until there is none for a while."""

    def __init__(self, name: str, free: Callable[["_Caller"], None], may_end: Callable[["_Caller"], bool]) -> None:
        super().__init__(name=name, daemon=True)
        self.jobs: SimpleQueue[tuple[Callable[[], Any], Future[Any]]] = SimpleQueue()
        self._free = free
        self._may_end = may_end

    def run(self) -> None:
        """Serve until idle for too long."""
        while True:
            try:
                call, answer = self.jobs.get(timeout=IDLE_SECONDS)
            except Empty:
                if self._may_end(self):
                    return
                continue
            self._serve(call, answer)
            del call, answer

    def _serve(self, call: Callable[[], T], answer: "Future[T]") -> None:
        """Free again before whoever waits is told, so that their next call finds this thread."""
        try:
            result = call()
        except Exception as error:  # noqa: BLE001 - whoever waits for the answer gets it
            self._free(self)
            answer.set_exception(error)
        except BaseException as panic:  # noqa: BLE001 - what a client's Rust code raises when it panics
            self._free(self)
            answer.set_exception(RuntimeError(f"the client panicked: {panic}"))
        else:
            self._free(self)
            answer.set_result(result)
