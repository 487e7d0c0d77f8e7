"""Native records become event objects."""

from __future__ import annotations

import dataclasses

import pytest
from skrouter.amqp import events
from skrouter.amqp.events import EVENTS, RawTerminus, TlsFacts, from_native

TERMINUS = (1, "x", 0, 0, 0, False, 0, b"", b"", b"")
TLS = ("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256, None, None, None)

RECORDS: list[tuple[tuple[object, ...], events.Event]] = [
    ((0, 1, 2, "host:1"), events.ConnectionAccepted(1, 2, "host:1")),
    ((1, 1, None), events.StreamReady(1, None)),
    ((1, 1, TLS), events.StreamReady(1, TlsFacts(*TLS))),
    ((2, 1, b"AMQP"), events.HandshakeReceived(1, b"AMQP")),
    (
        (3, 1, "c", None, 512, 10, 0, b"", b"", b""),
        events.ConnectionOpened(1, "c", None, 512, 10, 0, b"", b"", b""),
    ),
    ((4, 1, "a:b", "why"), events.ConnectionClosed(1, "a:b", "why")),
    ((5, 1, "", ""), events.ConnectionLost(1, "", "")),
    (
        (6, 1, 2, "name", True, TERMINUS, (0, None, *TERMINUS[2:]), 2, 0, 9, b""),
        events.LinkAttached(
            1, 2, "name", True, RawTerminus(*TERMINUS), RawTerminus(0, None, *TERMINUS[2:]), 2, 0, 9, b""
        ),
    ),
    ((7, 2, TERMINUS, TERMINUS), events.LinkEstablished(2, RawTerminus(*TERMINUS), RawTerminus(*TERMINUS))),
    ((8, 2, True, "a:b", "why"), events.LinkDetached(2, True, "a:b", "why")),
    ((9, 3, 1, 2, True, b"body"), events.MessageReceived(3, 1, 2, True, b"body")),
    ((10, 1), events.StreamingLinkWanted(1)),
    ((11, 1), events.HandshakeSent(1)),
    ((12, 1, False), events.SessionBegun(1, False)),
    ((13, 1), events.SessionEnded(1)),
    ((14, 1, 2), events.MessageTooLarge(1, 2)),
    ((15,), events.FramesTraced()),
]


@pytest.mark.parametrize(("record", "event"), RECORDS)
def test_a_record_becomes_the_event_of_its_number(record: tuple[object, ...], event: events.Event) -> None:
    made = from_native(record)
    assert made == event
    assert type(made) is EVENTS[record[0]]  # type: ignore[index]


def test_every_event_has_a_record_here() -> None:
    assert {type(event) for _, event in RECORDS} == set(EVENTS)


@pytest.mark.parametrize(("record", "event"), RECORDS)
def test_a_record_with_a_field_too_few_is_refused(record: tuple[object, ...], event: events.Event) -> None:
    with pytest.raises((TypeError, IndexError)):
        from_native(record[:-1])


@pytest.mark.parametrize("number", [len(EVENTS), "x", None])
def test_a_number_that_names_no_event_is_refused(number: object) -> None:
    with pytest.raises((TypeError, IndexError)):
        from_native((number, 1))


@pytest.mark.parametrize("event", [event for _, event in RECORDS if dataclasses.fields(event)])
def test_an_event_cannot_be_changed(event: events.Event) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(event, dataclasses.fields(event)[0].name, 7)
