"""The machine: what is told when, to whom, and what is not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skrouter.amqp.message import Message, Properties, encode_message
from skrouter.router.vanflow import events
from skrouter.router.vanflow.attributes import Attribute, RecordType
from skrouter_testing.flow_decoder import Record
from skrouter_testing.flow_source import ALL, FLOWS, HOME, LOGS, ME, SOURCE, WALL, Source, connection, flush

# --- beacons and heartbeats


def test_h1_nothing_is_said_to_nobody() -> None:
    source = Source()
    source.begin(RecordType.ROUTER, 0)
    source.row(connection(11))
    source.run(60)
    assert source.heard == []


def test_h1_the_first_beacon_comes_eight_seconds_after_the_collector() -> None:
    source = Source(ALL)
    came = source.now
    source.run(7.9)
    assert source.heard == []
    source.run(20.1)
    assert [(one.subject, one.to) for one in source.heard] == [("BEACON", ALL)] * 3
    assert source.now - came == pytest.approx(28.0)


def test_h1_heartbeats_are_for_those_who_follow_the_router() -> None:
    source = Source(ALL, HOME)
    source.run(10)
    subjects = [(one.number, one.subject) for one in source.heard]
    beats = ["HEARTBEAT"] * 5 + ["BEACON", "HEARTBEAT"]
    assert subjects == list(enumerate(beats))
    assert source.heard[0].properties == {"v": 1, "now": WALL + 100, "id": ME}


def test_h1_beats_end_with_the_last_collector_and_the_count_goes_on() -> None:
    source = Source(ALL)
    source.run(3)
    source.consumers(ALL, 0)
    source.run(60)
    assert source.heard == []
    source.consumers(ALL, 2)
    source.run(3)
    assert source.heard == []
    source.run(1)
    assert [one.subject for one in source.heard] == ["BEACON"]


def test_h1_a_second_collector_changes_no_beat() -> None:
    source = Source(ALL)
    source.run(7)
    source.consumers(ALL, 2)
    source.run(1)
    assert [one.subject for one in source.heard] == ["BEACON"]


# --- records


def test_h2_a_record_is_told_once_and_then_what_changes() -> None:
    source = Source(HOME)
    source.begin(RecordType.LINK, 4, {Attribute.NAME: "up", Attribute.OCTETS: 5, Attribute.REASON: None})
    source.run(3.1)
    whole = {"recordType": "LINK", "identity": f"{SOURCE}:4", "parent": ME, "startTime": WALL}
    assert source.told(HOME) == [{**whole, "octets": 5, "name": "up"}]
    source.change(4, {Attribute.NAME: "up", Attribute.OCTETS: 6, Attribute.PEER: None})
    source.run(1.01)
    assert source.told(HOME) == [{"recordType": "LINK", "identity": f"{SOURCE}:4", "octets": 6}]
    source.run(10)
    assert source.told(HOME) == []


def test_h2_a_record_that_ends_is_told_a_last_time_and_forgotten() -> None:
    source = Source(HOME)
    source.begin(RecordType.LINK, 4)
    source.end(4)
    source.run(3.1)
    assert [record["endTime"] for record in source.told(HOME)] == [WALL + 1]
    source.change(4, {Attribute.OCTETS: 6})
    source.end(4)
    flush(source)
    source.run(3)
    assert source.told(HOME) == []


@pytest.mark.parametrize("count", [1, 49, 50, 51, 230])
def test_h2_no_message_has_more_than_fifty_records(count: int) -> None:
    source = Source(HOME)
    for number in range(1, count + 1):
        source.begin(RecordType.LISTENER, number)
    source.run(3.1)
    messages = [one for one in source.heard if one.subject == "RECORD"]
    assert all(len(one.records) <= 50 for one in messages)
    assert len(source.told(HOME)) == count
    flush(source)
    source.run(0.3)
    assert len(source.told(HOME)) == count


def test_h2_each_kind_of_record_has_its_address() -> None:
    source = Source(HOME, FLOWS, LOGS)
    source.begin(RecordType.ROUTER, 0)
    source.row(connection(11))
    source.give(events.Logged(f"{SOURCE}:12", WALL, "SERVER", "error", "text", "file", 7))
    source.run(3.1)
    found = {address: [one["recordType"] for one in source.told(address)] for address in (HOME, FLOWS, LOGS)}
    assert found == {HOME: ["ROUTER"], FLOWS: ["BIFLOW_TPORT"], LOGS: ["LOG"]}


def test_h1_what_nobody_heard_is_not_told_to_who_comes_later() -> None:
    source = Source()
    source.begin(RecordType.LINK, 4, {Attribute.NAME: "up"})
    source.run(3.1)
    source.consumers(HOME)
    source.change(4, {Attribute.OCTETS: 6})
    source.run(1.01)
    assert source.told(HOME) == [{"recordType": "LINK", "identity": f"{SOURCE}:4", "octets": 6}]


# --- FLUSH


def test_h1_flush_brings_everything_whole_in_one_message() -> None:
    source = Source(HOME)
    for number, kind in enumerate((RecordType.ROUTER, RecordType.SITE, RecordType.LINK), start=1):
        source.begin(kind, number, {Attribute.NAME: kind.name})
    source.run(5)
    before = source.told(HOME)
    flush(source)
    source.run(0.21)
    assert len([one for one in source.heard if one.subject == "RECORD"]) == 1
    assert source.told(HOME) == before


def test_h1_flush_of_somebody_whose_subscription_is_not_known_yet_is_answered_when_it_is() -> None:
    source = Source(FLOWS)
    source.begin(RecordType.ROUTER, 0)
    source.row(connection(11))
    source.run(5)
    source.told(FLOWS)
    flush(source)
    source.run(1.1)
    assert len(source.told(FLOWS)) == 1
    source.consumers(HOME)
    source.consumers(FLOWS, 2)
    source.run(1.1)
    assert [one["recordType"] for one in source.told(HOME)] == ["ROUTER"]
    assert [one["recordType"] for one in source.told(FLOWS)] == ["BIFLOW_TPORT"]


def test_h1_flush_does_not_last() -> None:
    source = Source()
    source.begin(RecordType.ROUTER, 0)
    flush(source)
    source.run(6)
    source.consumers(HOME)
    source.run(3)
    assert source.told(HOME) == []


@pytest.mark.parametrize("content", [b"", b"\x00", encode_message(Message(properties=Properties()))])
@pytest.mark.parametrize("address", [f"sfe.{ME}", f"vfcr.{ME}"])
def test_h1_nonsense_changes_nothing(content: bytes, address: str) -> None:
    source = Source(HOME)
    source.give(events.MessageReceived(address, content))
    source.run(5)
    assert source.told(HOME) == []


# --- logs


@pytest.mark.parametrize(
    ("module", "level", "severity"),
    [
        ("SERVER", "debug", None),
        ("SERVER", "info", None),
        ("SERVER", "warning", 2),
        ("AGENT", "error", 3),
        ("ROUTER", "critical", 4),
        ("FLOW_LOG", "critical", None),
    ],
)
def test_h5_lines_from_warnings_on_are_records(module: str, level: str, severity: int | None) -> None:
    source = Source(LOGS)
    source.give(events.Logged(f"{SOURCE}:5", WALL, module, level, "something", "a.py", 7))
    source.run(3.1)
    expected = {
        "recordType": "LOG",
        "identity": f"{SOURCE}:5",
        "parent": ME,
        "startTime": WALL,
        "endTime": WALL,
        "logSeverity": severity,
        "logText": f"LOG_{module}: something",
        "sourceFile": "a.py",
        "sourceLine": 7,
    }
    assert source.told(LOGS) == ([] if severity is None else [expected])


def test_the_log_has_the_router_the_first_flow_of_a_listener_and_every_end() -> None:
    source = Source()
    source.begin(RecordType.ROUTER, 0, {Attribute.NAME: "0/A"})
    source.begin(RecordType.LISTENER, 4, {Attribute.FLOW_COUNT_L4: 0})
    source.begin(RecordType.LINK, 5)
    source.run(4)
    source.change(4, {Attribute.FLOW_COUNT_L4: 1})
    source.run(2)
    source.change(4, {Attribute.FLOW_COUNT_L4: 2})
    source.end(4)
    source.run(2)
    source.give(events.Stopped(WALL + 3, [connection(11)]))
    assert source.log == [
        "Protocol logging started",
        f"ROUTER [{ME}] BEGIN parent={ME} name=0/A",
        f"LISTENER [{SOURCE}:4] BEGIN parent={ME} flowCountL4=1",
        f"LISTENER [{SOURCE}:4] END parent={ME} flowCountL4=2",
        f"LINK [{SOURCE}:5] BEGIN END parent={ME}",
        f"BIFLOW_TPORT [{SOURCE}:11] BEGIN END parent={SOURCE}:3 sourceHost=10.0.0.1 sourcePort=4 octets=1 "
        "latency=9 octetsReverse=2",
        "Protocol logging completed",
    ]
    assert source.machine.next_deadline() is None


# --- laws

KINDS = st.sampled_from([RecordType.LINK, RecordType.LISTENER, RecordType.ROUTER_ACCESS])
VALUES = st.fixed_dictionaries(
    {Attribute.OCTETS: st.integers(0, 5), Attribute.REASON: st.sampled_from("abc")}
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("begin"), st.integers(1, 8), VALUES, KINDS),
        st.tuples(st.just("change"), st.integers(1, 8), VALUES),
        st.tuples(st.just("end"), st.integers(1, 8)),
        st.tuples(st.just("flush")),
        st.tuples(st.just("run"), st.floats(0, 2)),
    ),
    max_size=30,
)


@given(STEPS)
@settings(max_examples=60, deadline=None)
def test_h2_who_listens_from_the_start_knows_what_is_true(steps: list[Any]) -> None:
    source = Source(HOME)
    truth: dict[int, dict[str, Any]] = {}
    used: set[int] = set()
    for step, *arguments in steps:
        if step == "begin" and arguments[0] not in used:
            number, values, kind = arguments
            used.add(number)
            truth[number] = {name.log_name: value for name, value in values.items()}
            source.begin(kind, number, values)
        elif step == "change" and arguments[0] in truth:
            truth[arguments[0]] = {name.log_name: value for name, value in arguments[1].items()}
            source.change(*arguments)
        elif step == "end" and arguments[0] in truth:
            truth[arguments[0]]["endTime"] = WALL + 1
            source.end(arguments[0])
            truth[-arguments[0]] = truth.pop(arguments[0])
        elif step == "flush":
            flush(source)
        elif step == "run":
            source.run(arguments[0])
    source.run(3.1)
    known: dict[int, Record] = {}
    for record in source.told(HOME):
        number = int(record["identity"].partition(":")[2])
        known.setdefault(number, {}).update(record)
    assert known.keys() == {abs(number) for number in truth}
    for number, values in truth.items():
        assert values.items() <= known[abs(number)].items()
        assert ("endTime" in known[abs(number)]) == (number < 0)
