"""Records of connections and requests, and what other routers add to them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skrouter.router.vanflow import events, wire
from skrouter.router.vanflow.attributes import Attribute, RecordType
from skrouter_testing.flow_decoder import Record
from skrouter_testing.flow_source import (
    FLOWS,
    HOME,
    ME,
    OTHER,
    SOURCE,
    WALL,
    Source,
    addition,
    connection,
    request,
)


def test_h3_a_connection_that_ended_is_told_for_the_last_time_five_seconds_later() -> None:
    source = Source(FLOWS)
    source.row(connection(11, ended=WALL + 5))
    source.run(3.1)
    (record,) = source.told(FLOWS)
    assert record == {
        "recordType": "BIFLOW_TPORT",
        "identity": f"{SOURCE}:11",
        "parent": f"{SOURCE}:3",
        "startTime": WALL,
        "sourceHost": "10.0.0.1",
        "sourcePort": "4",
        "octets": 1,
        "latency": 9,
        "octetsReverse": 2,
    }
    source.run(3.5)
    assert (source.told(FLOWS), source.released) == ([], 0)
    source.run(1.6)
    assert source.told(FLOWS) == [
        {"recordType": "BIFLOW_TPORT", "identity": f"{SOURCE}:11", "endTime": WALL + 5}
    ]
    assert source.released == 1
    assert [line for line in source.log if "BIFLOW" in line] == [
        f"BIFLOW_TPORT [{SOURCE}:11] BEGIN END parent={SOURCE}:3 sourceHost=10.0.0.1 sourcePort=4 octets=1 "
        "latency=9 octetsReverse=2"
    ]


def co_message(
    identity: str, kind: RecordType = RecordType.BIFLOW_TPORT, more: dict[Attribute, Any] | None = None
) -> bytes:
    attributes = {Attribute.CONNECTOR: f"{OTHER}:2", Attribute.PROCESS_LATENCY: 72, **(more or {})}
    return wire.records(1, f"vfcr.{ME}", [(kind, identity, attributes)])


ADDED = {"connector": f"{OTHER}:2", "processLatency": 72}


@pytest.mark.parametrize("when", ["before", "during", "after"])
def test_h3_what_the_other_side_adds_is_told_with_the_record(when: str) -> None:
    source = Source(FLOWS)
    content = co_message(f"{SOURCE}:11")
    source.run(2.1)
    if when == "before":
        source.give(events.MessageReceived(f"vfcr.{ME}", content))
    source.row(connection(11, ended=WALL + 5 if when == "after" else 0))
    source.run(1.01)
    if when != "before":
        assert "connector" not in source.told(FLOWS)[0]
        source.give(events.MessageReceived(f"vfcr.{ME}", content))
        source.run(1.01)
    (record,) = source.told(FLOWS)
    assert ADDED.items() <= record.items()


@pytest.mark.parametrize(
    "content",
    [
        co_message(f"{OTHER}:11"),
        co_message("abcde:x"),
        co_message("abcde11"),
        co_message(f"{SOURCE}:12"),
        co_message(f"{SOURCE}:11", RecordType.BIFLOW_APP),
        co_message(ME),
    ],
)
def test_h3_additions_to_what_is_not_there_are_dropped(content: bytes) -> None:
    source = Source(HOME, FLOWS)
    source.begin(RecordType.ROUTER, 0)
    source.row(connection(11))
    source.run(3.1)
    source.told(HOME)
    source.told(FLOWS)
    source.give(events.MessageReceived(f"vfcr.{ME}", content))
    source.run(8)
    assert source.told(HOME) + source.told(FLOWS) == []


def test_h3_only_the_owner_says_what_the_clients_side_knows() -> None:
    source = Source(FLOWS)
    source.row(connection(11))
    source.run(3.1)
    source.told(FLOWS)
    owned = {Attribute.PARENT: "fghij:9", Attribute.START_TIME: 1, Attribute.END_TIME: 2, Attribute.OCTETS: 3}
    owned |= {Attribute.ERROR_LISTENER_SIDE: "no (no)", Attribute.TRACE: "x" * 5000}
    content = co_message(f"{SOURCE}:11", more=owned)
    source.give(events.MessageReceived(f"vfcr.{ME}", content))
    source.run(1.01)
    identity = {"recordType": "BIFLOW_TPORT", "identity": f"{SOURCE}:11"}
    assert source.told(FLOWS) == [{**identity, **ADDED}]


def test_h3_a_connector_of_ours_adds_to_the_record_of_another_router() -> None:
    source = Source()
    source.row(addition(1, f"{OTHER}:11"))
    source.run(3.1)
    assert [(one.to, one.subject) for one in source.heard] == [(f"vfcr.{OTHER}:0", "RECORD")]
    assert source.told(f"vfcr.{OTHER}:0") == [
        {
            "recordType": "BIFLOW_TPORT",
            "identity": f"{OTHER}:11",
            "trace": "0/A",
            "connector": f"{SOURCE}:8",
            "processLatency": 7,
            "proxyHost": "10.0.0.2",
            "proxyPort": "5",
        }
    ]
    source.row(addition(1, f"{OTHER}:11", ended=WALL + 1, error="proton:io (gone)"))
    source.run(1.01)
    identity = {"recordType": "BIFLOW_TPORT", "identity": f"{OTHER}:11"}
    assert source.told(f"vfcr.{OTHER}:0") == [{**identity, "errorConnectorSide": "proton:io (gone)"}]
    assert source.log == ["Protocol logging started"]


def test_h3_a_connector_of_ours_adds_to_our_own_record_without_a_message() -> None:
    source = Source(FLOWS)
    source.row(connection(11))
    source.row(addition(1, f"{SOURCE}:11", ended=WALL + 1, trace=""))
    source.run(3.3)
    assert {one.to for one in source.heard} == {FLOWS}
    whole: Record = {}
    for record in source.told(FLOWS):
        whole.update(record)
    assert (whole["trace"], whole["connector"], whole["proxyPort"]) == ("Local", f"{SOURCE}:8", "5")


def test_h4_a_request_is_told_and_released_at_its_end() -> None:
    source = Source(FLOWS)
    source.row(request(12))
    source.run(3.1)
    (record,) = source.told(FLOWS)
    assert record == {
        "recordType": "BIFLOW_APP",
        "identity": f"{SOURCE}:12",
        "parent": f"{SOURCE}:11",
        "startTime": WALL,
        "sourceHost": "192.0.2.7",
        "protocol": "HTTP/2",
        "octets": 0,
        "latency": 40,
        "method": "GET",
        "result": "200",
        "octetsReverse": 30,
        "streamId": 3,
    }
    source.row(request(12, ended=WALL + 9))
    source.run(1.01)
    identity = {"recordType": "BIFLOW_APP", "identity": f"{SOURCE}:12"}
    assert source.told(FLOWS) == [{**identity, "endTime": WALL + 9}]
    assert source.released == 0, "the data plane has done that"


@given(st.lists(st.tuples(st.integers(10, 40), st.booleans(), st.floats(0, 3)), max_size=40))
@settings(max_examples=40, deadline=None)
def test_h6_every_connection_that_ended_is_released_once(rows: Iterable[tuple[int, bool, float]]) -> None:
    source = Source(FLOWS)
    ended: set[int] = set()
    for number, is_end, pause in rows:
        if number not in ended:
            source.row(connection(number, ended=WALL if is_end else 0))
        if is_end:
            ended.add(number)
        source.run(pause)
    source.run(9)
    assert source.released == len(ended)
    ends = [record["identity"] for record in source.told(FLOWS) if "endTime" in record]
    assert sorted(ends) == sorted(f"{SOURCE}:{number}" for number in ended)
