"""When and where a connector dials next."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skrouter.amqp.capabilities import FailoverServer
from skrouter.router.net.dial import Dial, Retry


def place(dial: Dial) -> str:
    return dial.target.host_port


def test_b5_a_failed_attempt_is_repeated_after_five_seconds() -> None:
    dial = Dial("a", "1")
    assert dial.failed("refused") == Retry(5.0, is_news=True)
    assert place(dial) == "a:1"


def test_a_lost_connection_is_repeated_after_two_seconds_and_then_after_five() -> None:
    dial = Dial("a", "1")
    dial.opened(())
    assert [dial.failed("lost").delay, dial.failed("refused").delay] == [2.0, 5.0]


def test_one_more_connection_goes_where_the_first_is_and_knows_the_same_places() -> None:
    dial = Dial("a", "1")
    dial.opened((FailoverServer("b", "2"),))
    dial.failed("lost")
    dial.failed("refused")
    again = dial.again()
    assert again.targets == dial.targets
    assert place(again) == "b:2"
    assert again.failed("refused") == Retry(1.0, is_news=True)
    assert place(dial) == "b:2"
    again.failed("")
    assert (place(again), place(dial)) == ("a:1", "b:2")


def test_an_attempt_that_did_not_pass_its_proxy_is_repeated_after_two_seconds() -> None:
    dial = Dial("a", "1")
    assert dial.failed("no", at_proxy=True).delay == 2.0
    assert dial.failed("no").delay == 5.0


def test_with_other_hosts_every_delay_is_one_second() -> None:
    dial = Dial("a", "1")
    dial.opened((FailoverServer("b", "2"),))
    assert {dial.failed(str(number)).delay for number in range(6)} == {1.0}


def test_b5_each_host_is_tried_twice_round_robin() -> None:
    dial = Dial("a", "1")
    dial.opened((FailoverServer("b", "2"), FailoverServer("c", "3")))
    seen = []
    for _ in range(8):
        seen.append(place(dial))
        dial.failed("x")
    assert seen == ["a:1", "a:1", "b:2", "b:2", "c:3", "c:3", "a:1", "a:1"]


def test_the_same_text_is_news_once_until_the_connection_opens() -> None:
    dial = Dial("a", "1")
    assert [dial.failed(text).is_news for text in ("x", "x", "y", "x", "")] == [
        True,
        False,
        True,
        False,
        False,
    ]
    dial.opened(())
    assert dial.failed("x").is_news


def test_an_empty_list_leaves_the_original_and_the_current_host() -> None:
    dial = Dial("a", "1")
    dial.opened((FailoverServer("b", "2"), FailoverServer("c", "3")))
    dial.failed("x")
    dial.failed("x")
    assert place(dial) == "b:2"
    dial.opened(())
    assert [target.host_port for target in dial.targets] == ["b:2", "a:1"]


def test_known_places_are_not_added_again_and_other_protocols_never() -> None:
    dial = Dial("a", "1")
    dial.opened(
        (
            FailoverServer("a", "1", hostname="other"),
            FailoverServer("b", "2", "amqps", "name-of-b"),
            FailoverServer("b", "2"),
            FailoverServer("w", "3", "ws"),
        )
    )
    assert [(target.host_port, target.name) for target in dial.targets] == [
        ("a:1", "a"),
        ("b:2", "name-of-b"),
    ]


@given(
    st.lists(
        st.one_of(st.just("fail"), st.lists(st.sampled_from("abcd"), max_size=4).map(tuple)), max_size=40
    )
)
def test_there_is_always_a_place_to_dial_and_the_original_is_among_them(steps: list[object]) -> None:
    dial = Dial("a", "1")
    for step in steps:
        if isinstance(step, tuple):
            current = place(dial)
            dial.opened(tuple(FailoverServer(host, "1") for host in step))
            assert place(dial) == current
        else:
            assert dial.failed("x").delay in {1.0, 2.0, 5.0}
        assert dial.target in dial.targets
        assert "a:1" in {target.host_port for target in dial.targets}


@pytest.mark.parametrize("hosts", [1, 2, 5])
def test_every_host_gets_its_turn(hosts: int) -> None:
    dial = Dial("h0", "1")
    dial.opened(tuple(FailoverServer(f"h{number}", "1") for number in range(1, hosts)))
    seen = set()
    for _ in range(2 * hosts):
        seen.add(place(dial))
        dial.failed("x")
    assert len(seen) == hosts
