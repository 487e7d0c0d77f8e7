"""The poller: descriptors of Python's, wake-ups from other threads, and time."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from skrouter.amqp.engine.poller import Engine

IN, OUT, HUP = 1, 4, 16
PATIENCE = 10.0
Pair = tuple[socket.socket, socket.socket]
BATCH = 256


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = Engine()
    yield engine
    engine.close()


def test_nothing_to_do_ends_with_the_time(engine: Engine) -> None:
    started = time.monotonic()
    assert engine.run(0.05) == []
    assert 0.045 <= time.monotonic() - started < PATIENCE


@pytest.mark.parametrize("timeout", [0.0, -1.0, 1e-9])
def test_no_time_is_no_wait(engine: Engine, timeout: float) -> None:
    assert engine.run(timeout) == []


def test_a_readable_descriptor_is_reported_as_often_as_it_is_asked_for(engine: Engine, pair: Pair) -> None:
    left, right = pair
    engine.watch(left.fileno(), IN)
    assert engine.run(0) == []
    right.send(b"x")
    for _ in range(3):
        assert engine.run(None) == [(left.fileno(), IN)]
    left.recv(10)
    assert engine.run(0) == []


def test_interest_can_change_and_rest(engine: Engine, pair: Pair) -> None:
    left, right = pair
    right.send(b"x")
    engine.watch(left.fileno(), 0)
    assert engine.run(0) == []
    for interest, found in ((OUT, OUT), (IN, IN), (IN | OUT, IN | OUT), (0, None), (IN, IN)):
        engine.change(left.fileno(), interest)
        assert engine.run(0) == ([] if found is None else [(left.fileno(), found)])


def test_a_hang_up_is_reported_without_being_asked_for(engine: Engine, pair: Pair) -> None:
    left, right = pair
    engine.watch(left.fileno(), IN)
    right.close()
    ((_, found),) = engine.run(None)
    assert found & HUP


def test_a_descriptor_that_is_not_watched_any_more_is_not_reported(engine: Engine, pair: Pair) -> None:
    left, right = pair
    engine.watch(left.fileno(), IN)
    right.send(b"x")
    engine.unwatch(left.fileno())
    assert engine.run(0) == []
    with pytest.raises(KeyError):
        engine.unwatch(left.fileno())
    with pytest.raises(KeyError):
        engine.change(left.fileno(), OUT)


def test_a_descriptor_closed_before_it_is_unwatched_does_no_harm_to_its_successor(engine: Engine) -> None:
    left, right = socket.socketpair()
    number = left.fileno()
    engine.watch(number, IN)
    left.close()
    engine.unwatch(number)
    successor = os.dup(right.fileno())
    try:
        assert successor == number
        engine.watch(successor, OUT)
        assert engine.run(0)[0][0] == successor
        engine.unwatch(successor)
    finally:
        os.close(successor)
        right.close()


def test_what_cannot_be_watched_is_an_error_and_leaves_no_trace(engine: Engine) -> None:
    with pytest.raises(OSError, match="cannot watch descriptor"):
        engine.watch(1_000_000, IN)
    with pytest.raises(KeyError):
        engine.unwatch(1_000_000)


def test_more_descriptors_than_fit_one_pass_all_get_their_turn(engine: Engine) -> None:
    pairs = [socket.socketpair() for _ in range(BATCH + 150)]
    try:
        for left, right in pairs:
            engine.watch(left.fileno(), IN)
            right.send(b"x")
        waiting = {left.fileno(): left for left, _ in pairs}
        passes = 0
        while waiting:
            passes += 1
            assert passes < 10
            for fd, _ in engine.run(0):
                waiting.pop(fd).recv(1)
        assert engine.run(0) == []
    finally:
        for left, right in pairs:
            engine.unwatch(left.fileno())
            left.close()
            right.close()


def test_a_wake_from_another_thread_ends_an_endless_wait(engine: Engine) -> None:
    found: list[list[tuple[int, int]]] = []
    thread = threading.Thread(target=lambda: found.append(engine.run(None)))
    thread.start()
    engine.wake()
    thread.join(PATIENCE)
    assert found == [[]]


def test_a_wake_before_the_wait_counts_once(engine: Engine) -> None:
    engine.wake()
    engine.wake()
    assert engine.run(None) == []
    started = time.monotonic()
    engine.run(0.02)
    assert time.monotonic() - started >= 0.015


def test_time_is_read_once_a_pass(engine: Engine) -> None:
    engine.run(0)
    first = engine.now
    assert engine.now == first
    engine.run(0.03)
    assert engine.now - first >= 0.02
    assert abs(engine.now - time.monotonic()) < PATIENCE


def test_without_native_events_there_are_none(engine: Engine) -> None:
    assert (engine.pending, engine.take_events()) == (0, [])


def test_a_closed_engine_may_be_closed_again() -> None:
    engine = Engine()
    engine.close()
    engine.close()
