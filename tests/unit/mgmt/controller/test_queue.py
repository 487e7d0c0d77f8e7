"""Each site is looked at once when it is due, and later after every failure in a row."""

from __future__ import annotations

from skrouter.mgmt.controller.queue import LONGEST_PAUSE, WorkQueue


def test_key_that_is_added_twice_is_taken_once_at_the_earlier_time() -> None:
    queue = WorkQueue()
    queue.add("a", 0, delay=5)
    queue.add("a", 0, delay=1)
    queue.add("a", 0, delay=9)
    assert queue.next_time() == 1
    assert queue.take(0.5) is None
    assert queue.take(1) == "a" and queue.take(100) is None


def test_key_that_is_due_longest_comes_first() -> None:
    queue = WorkQueue()
    queue.add("b", 1)
    queue.add("a", 2)
    assert [queue.take(5), queue.take(5)] == ["b", "a"]


def test_pauses_grow_to_a_limit_and_begin_anew_after_a_success() -> None:
    queue = WorkQueue()
    pauses = [queue.failed("a", 0) for _ in range(12)]
    assert pauses[:4] == [0.5, 1, 2, 4] and pauses[-1] == LONGEST_PAUSE
    queue.succeeded("a")
    assert queue.failed("a", 0) == 0.5


def test_change_that_is_noticed_does_not_wait_for_the_pause() -> None:
    queue = WorkQueue()
    queue.failed("a", 0)
    queue.add("a", 0.1)
    assert queue.take(0.1) == "a"


def test_forgotten_key_is_not_taken() -> None:
    queue = WorkQueue()
    queue.add("a", 0)
    queue.forget("a")
    assert queue.take(1) is None and queue.next_time() is None
