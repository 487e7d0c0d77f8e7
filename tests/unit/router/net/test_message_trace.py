"""Messages in the log, read from frames."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skrouter.amqp import codec
from skrouter.amqp.message import Message, Properties, encode_message
from skrouter.config.message_components import COMPONENTS, parse_components
from skrouter.router.net.message_trace import MessageTrace
from skrouter_testing.frames import amqp_frame, raw_frame
from skrouter_testing.peers import composite

EVERYTHING = frozenset(COMPONENTS)
PAYLOAD = encode_message(
    Message(
        properties=Properties(user_id=b"testuser", to="here", subject="s", correlation_id="c"),
        application_properties={"n": 1},
        body="not shown",
    )
)


def attach(name: str, handle: int, *, role: bool = False) -> bytes:
    ends = {"source": composite("source", address="a"), "target": composite("target", address="b")}
    return raw_frame(codec.encode(composite("attach", name=name, handle=handle, role=role, **ends)))


def transfer(handle: int = 0, payload: bytes = PAYLOAD, *, more: bool = False, **fields: object) -> bytes:
    return amqp_frame("transfer", handle=handle, more=more, payload=payload, **fields)


def test_a10_a_message_is_told_with_its_link_and_the_components_asked_for() -> None:
    trace = MessageTrace({"user-id", "subject", "app-properties", "reply-to"})
    assert trace.take(attach("l", 0), outgoing=False) is None
    assert trace.take(transfer(), outgoing=False) == (
        'Received Message{user-id=b"testuser", subject="s", app-properties={"n"=1}} on link \'l\' (a -> b)'
    )
    trace.take(attach("m", 0), outgoing=True)
    told = trace.take(transfer(), outgoing=True)
    assert told is not None
    assert told.startswith("Sent Message{")
    assert told.endswith("on link 'm' (a -> b)")


def test_a10_a_message_of_many_frames_is_told_once() -> None:
    trace = MessageTrace(EVERYTHING)
    first = trace.take(transfer(more=True), outgoing=False)
    assert first is not None
    assert 'to="here"' in first
    assert trace.take(transfer(payload=b"x" * 9, more=True), outgoing=False) is None
    assert trace.take(transfer(payload=b"x" * 9), outgoing=False) is None
    assert trace.take(transfer(), outgoing=False) == first


def test_a10_an_aborted_message_is_over() -> None:
    trace = MessageTrace(EVERYTHING)
    trace.take(transfer(more=True), outgoing=False)
    assert trace.take(transfer(payload=b"", aborted=True, more=True), outgoing=False) is None
    assert trace.take(transfer(), outgoing=False) is not None


def test_a10_of_a_head_that_is_cut_what_is_there_is_told() -> None:
    told = MessageTrace(EVERYTHING).take(transfer(payload=PAYLOAD[:-30]), outgoing=False)
    assert told is not None
    assert told.startswith('Received Message{user-id=b"testuser", ')


@given(st.binary(max_size=60), st.booleans())
def test_a10_any_octets_are_told_or_passed_over(octets: bytes, outgoing: bool) -> None:
    trace = MessageTrace(EVERYTHING)
    for frame in (octets, transfer(payload=octets), attach("l", 0)):
        told = trace.take(frame, outgoing=outgoing)
        assert told is None or told.isprintable()


@pytest.mark.parametrize(
    ("text", "known", "unknown"),
    [
        ("none", set(), ()),
        ("", set(), ()),
        ("all", set(COMPONENTS[5:]), ()),
        ("user-id, subject", {"user-id", "subject"}, ()),
        ("ttl,colour,to", {"ttl", "to"}, ("colour",)),
    ],
)
def test_a10_components_are_named_or_all_or_none(
    text: str, known: set[str], unknown: tuple[str, ...]
) -> None:
    assert parse_components(text) == (known, unknown)
