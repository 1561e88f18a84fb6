"""Reading ahead: in order, never further than so many bytes, and nothing is lost of what goes wrong."""

import threading
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from photo_pipeline.use_cases.reading_ahead import Ahead, in_order


class Source:
    """Pieces of ten bytes; notes how many were asked for, and who closed it."""

    def __init__(self, pieces: int, failure: Exception | None = None) -> None:
        self.asked = 0
        self.closed_by: str | None = None
        self._pieces = pieces
        self._failure = failure
        self.moved = threading.Condition()

    def read(self) -> Generator[bytes, None, None]:
        """One after the other, then the failure."""
        try:
            for number in range(self._pieces):
                with self.moved:
                    self.asked += 1
                    self.moved.notify_all()
                yield bytes([number]) * 10
            if self._failure is not None:
                raise self._failure
        finally:
            self.closed_by = threading.current_thread().name

    def wait_for(self, asked: int) -> bool:
        """Whether so many pieces were asked for before long."""
        with self.moved:
            return self.moved.wait_for(lambda: self.asked >= asked, timeout=0.3)


def test_everything_arrives_in_order() -> None:
    """However little may wait."""
    with Ahead(Source(50).read(), len, 0) as items:
        assert [item[0] for item in items] == list(range(50))


def test_no_more_is_read_than_may_wait() -> None:
    """Thirty bytes and one piece more; taking one makes room for one."""
    source = Source(100)
    with Ahead(source.read(), len, 30) as items:
        assert source.wait_for(4)
        assert not source.wait_for(5)
        next(items)
        assert source.wait_for(5)
        assert not source.wait_for(6)


def test_an_error_comes_behind_what_was_read_before_it() -> None:
    """What could be read is worked on; then the reader's own error is raised."""
    with Ahead(Source(3, KeyError("gone")).read(), len, 100) as items:
        assert [next(items)[0] for _ in range(3)] == [0, 1, 2]
        with pytest.raises(KeyError, match="gone"):
            next(items)


def test_whoever_gives_up_leaves_nothing_open() -> None:
    """The reading ends, and is closed by the thread that did it: a consumer belongs to one."""
    source = Source(100)
    with Ahead(source.read(), len, 20) as items:
        next(items)
    assert source.closed_by == "read-ahead"
    assert source.asked < 100


def _numbers(taken: list[int]) -> Iterator[int]:
    for number in range(20):
        taken.append(number)
        yield number


def test_calls_overlap_and_answers_keep_their_order() -> None:
    """No call waits for the one before it, so long as their results may be held."""
    both = threading.Barrier(2, timeout=5)
    taken: list[int] = []
    with ThreadPoolExecutor(2) as threads:
        answers = in_order(_numbers(taken), lambda number: (both.wait(), number)[1], lambda _: 10, 40, threads)
        assert next(answers) == (0, 0)
        assert len(taken) == 5
        assert [answer for _, answer in answers] == list(range(1, 20))


def test_a_result_that_is_larger_than_the_limit_comes_alone() -> None:
    """It is never waited for with nothing under way."""
    with ThreadPoolExecutor(2) as threads:
        assert list(in_order("ab", str.upper, lambda _: 1000, 10, threads)) == [("a", "A"), ("b", "B")]
