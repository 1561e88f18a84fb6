"""Calls under a time limit share few threads."""

import threading

import pytest

from photo_pipeline.adapters.bounded_calls import BoundedCalls


class PanicError(BaseException):
    """What a library in Rust raises when it panics."""


def test_one_after_the_other_takes_one_thread() -> None:
    """A thread is kept for the next call."""
    calls = BoundedCalls(5.0, 4, "call")
    assert len({calls.run(threading.get_ident) for _ in range(50)}) == 1


def test_those_that_do_not_end_do_not_pile_up() -> None:
    """They count as in flight until they do; then there is room again."""
    calls, go_on = BoundedCalls(0.1, 2, "call"), threading.Event()
    under_way = [calls.start(go_on.wait) for _ in range(2)]
    with pytest.raises(TimeoutError):
        calls.wait(under_way[0])
    before = threading.active_count()
    with pytest.raises(TimeoutError):
        calls.run(threading.get_ident)
    assert threading.active_count() == before
    go_on.set()
    for answer in under_way:
        assert calls.wait(answer) is True
    assert isinstance(calls.run(threading.get_ident), int)


def test_whatever_a_call_raises_is_told() -> None:
    """An error as it is; a panic, which nobody catches, as an error. The thread lives on."""
    calls = BoundedCalls(5.0, 1, "call")

    def fail(error: BaseException) -> None:
        raise error

    with pytest.raises(KeyError):
        calls.run(lambda: fail(KeyError("x")))
    with pytest.raises(RuntimeError, match="panicked: index"):
        calls.run(lambda: fail(PanicError("index")))
    assert calls.run(lambda: 7) == 7
