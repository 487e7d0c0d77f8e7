"""Recordings: every event comes back as it was, a replay is the same life, and says where it is not."""

from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skrouter.router.mesh import effects, events, messages, recording
from skrouter.router.mesh.config import MeshConfig
from skrouter.router.mesh.engine import MeshEngine
from skrouter.router.mesh.path import Paths
from skrouter.router.mesh.recording import (
    RecordedEvent,
    Recording,
    RecordingError,
    RecordingHeader,
    digest,
    event_line,
    header_line,
    read,
    replay,
)
from skrouter_testing.mesh_simulator import Faults, Network, SimulatedRouter

HEADER = RecordingHeader(MeshConfig("A", 1_700_000_000), 12.25, 1_700_000_000.5)
TEXTS = st.text(max_size=5) | st.sampled_from(["map", "Hello", "MessageReceived"])
NUMBERS = st.integers(0, 2**63 - 1)


def class_of(module: object, union: object) -> list[type]:
    """The classes of a closed list."""
    found: list[type] = []
    for item in getattr(union, "__args__", (union,)):
        found += [item] if isinstance(item, type) else class_of(module, item)
    return found


ADDRESSES = st.lists(
    st.builds(
        messages.AddressDescriptor,
        key=TEXTS,
        treatment=st.none() | st.integers(0, 4),
        in_links=NUMBERS,
        capacity=st.none() | NUMBERS,
        mesh_id=st.none() | TEXTS,
    ),
    max_size=3,
).map(tuple)
NAMES = st.lists(TEXTS, max_size=3).map(tuple)
FIELDS: dict[str, st.SearchStrategy[object]] = {
    "router_id": TEXTS,
    "target": TEXTS,
    "opcode": TEXTS,
    "instance": NUMBERS,
    "version": NUMBERS,
    "ls_seq": NUMBERS,
    "mobile_seq": NUMBERS,
    "have_seq": NUMBERS,
    "slot": NUMBERS,
    "cost": NUMBERS,
    "seen": NAMES,
    "peers": st.dictionaries(TEXTS, NUMBERS, max_size=3),
    "added": ADDRESSES,
    "removed": NAMES,
    "addresses": ADDRESSES,
    "changed": ADDRESSES,
}
"""A value for each field of an event or message; a new field has to be named here."""


def any_of(cls: type) -> st.SearchStrategy[object]:
    own = {**FIELDS, "message": MESSAGES} if cls is events.MessageReceived else dict(FIELDS)
    if cls is events.LocalAddressesChanged or cls is messages.MobileAddressDifference:
        own["removed"] = NAMES
    return st.builds(cls, **{name: own[name] for name in cls.__dataclass_fields__})  # type: ignore[attr-defined]


MESSAGES = st.one_of([any_of(cls) for cls in class_of(messages, messages.MeshMessage)])
EVENTS = st.one_of([any_of(cls) for cls in class_of(events, events.Event)])
TIMES = st.floats(0, 1e9)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(EVENTS, TIMES), max_size=5))
def test_events_and_times_come_back_exactly(given_events: list[tuple[events.Event, float]]) -> None:
    lines = [header_line(HEADER), *(event_line(event, now, ()) for event, now in given_events)]
    assert not any("\n" in line for line in lines)
    (found,) = read(lines)
    assert found.header == HEADER
    assert [(item.event, item.now) for item in found.events] == given_events


class Recorder:
    """An engine of the simulator, with its recording."""

    def __init__(self, engine: MeshEngine, now: float) -> None:
        self.engine = engine
        self.lines = [header_line(RecordingHeader(engine.config, now, 0.0))]
        self.effects: list[effects.Effect] = []

    def handle(self, event: events.Event, now: float) -> list[effects.Effect]:
        """As the engine, and written down."""
        found = self.engine.handle(event, now)
        self.lines.append(event_line(event, now, found))
        self.effects += found
        return found

    def next_deadline(self) -> float:
        """The engine's."""
        return self.engine.next_deadline()


class RecordedRouter(SimulatedRouter):
    """A simulated router whose every life is recorded."""

    def _forget(self) -> None:
        super()._forget()
        self.recorder = Recorder(self.engine, self.network.clock.now)
        self.lives = [*getattr(self, "lives", []), self.recorder]
        self.engine = self.recorder  # type: ignore[assignment]


def recorded_mesh(seed: int) -> list[Recorder]:
    """Five routers in a ring, over bad links, one of them started again; the lives of all."""
    network = Network(Random(seed), Faults(loss=0.1, duplication=0.1, reordering=0.1))
    names = [f"R{number}" for number in range(5)]
    for name in names:
        network.routers[name] = RecordedRouter(name, network, Paths)
        network.routers[name].start(remember=False)
        network.routers[name].change_addresses((messages.AddressDescriptor(f"M{name}", 3),), ())
    for number, name in enumerate(names):
        network.join(name, names[(number + 1) % 5], 1 + number)
    network.run(20.0)
    network.close(network.links[0])
    network.restart("R3", 5.0, remember=False)
    network.run(30.0)
    network.routers["R1"].change_addresses((), ("MR1",))
    network.run(20.0)
    return [life for router in network.routers.values() for life in lives_of(router)]


def lives_of(router: SimulatedRouter) -> Iterator[Recorder]:
    assert isinstance(router, RecordedRouter)
    yield from (life for life in router.lives if len(life.lines) > 1)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_recorded_mesh_lives_again_to_the_same_state(seed: int) -> None:
    lives = recorded_mesh(seed)
    assert len(lives) == 6
    for life in lives:
        (found,) = read(life.lines)
        engine = recording.engine_of(found)
        steps = list(replay(found, engine))
        assert all(step.agrees for step in steps)
        assert [effect for step in steps for effect in step.effects] == life.effects
        assert engine.nodes() == life.engine.nodes()
        assert len(engine.nodes()) == 5


def test_a_replay_tells_the_first_event_that_it_answers_otherwise() -> None:
    (found,) = read(recorded_mesh(3)[0].lines)
    up = next(n for n, item in enumerate(found.events) if isinstance(item.event, events.ControlLinkUp))
    without = Recording(found.header, found.events[:up] + found.events[up + 1 :])
    disagrees = [number for number, step in enumerate(replay(without)) if not step.agrees]
    assert disagrees[0] > up
    first = without.events[disagrees[0]].event
    assert isinstance(first, events.MessageReceived | events.Tick)
    assert len(disagrees) > 10


def test_digests_are_of_all_effects_and_of_their_order() -> None:
    route = effects.RouterRoute(1, "B", 0, "B", 1, frozenset({3, 2, 11}))
    one = effects.RoutesChanged((route,), 1)
    other = effects.RoutesChanged((route,), 2)
    assert digest([one]) == digest([effects.RoutesChanged((route,), 1)])
    assert len({digest(of) for of in ([], [one], [other], [one, other], [other, one])}) == 5


def test_an_engine_that_fails_fails_again_in_the_replay() -> None:
    lines = [header_line(HEADER), event_line(events.Tick(), 13.25, None)]

    class Failing(MeshEngine):
        def handle(self, event: events.Event, now: float) -> list[effects.Effect]:
            raise ZeroDivisionError(f"{event} at {now}")

    (found,) = read(lines)
    assert found.events == (RecordedEvent(13.25, events.Tick(), None),)
    with pytest.raises(ZeroDivisionError, match=r"Tick\(\) at 13.25"):
        list(replay(found, Failing(HEADER.config, HEADER.started)))
    # An engine that has been mended since does not agree with the failure.
    assert [step.agrees for step in replay(found)] == [False]


def test_lives_in_one_file_are_recordings_of_their_own_and_a_last_line_may_be_cut() -> None:
    whole = [header_line(HEADER), event_line(events.Tick(), 13.25, ())]
    cut = event_line(events.Tick(), 14.25, ())[:-5]
    first, second = read([*whole, cut, *whole, cut])
    assert first == second
    assert len(first.events) == 1


def test_a_recording_begun_later_can_be_read_but_not_replayed() -> None:
    header = RecordingHeader(HEADER.config, 12.25, 0.0, complete=False)
    (found,) = read([header_line(header), event_line(events.Tick(), 99.0, ())])
    assert found.events[0].event == events.Tick()
    with pytest.raises(RecordingError, match="of A began while the router was running"):
        list(replay(found))


TICK = event_line(events.Tick(), 13.25, ())
WRONG = {
    "is an event before the first header": [TICK],
    "format version 2, this program reads version 1": [
        header_line(HEADER).replace(':1,"router"', ':2,"router"')
    ],
    "line 2 is not": [header_line(HEADER), "{}", TICK],
    "line 3 is not": [header_line(HEADER), TICK, '{"now":1}', '{"now":2}'],
    "'Tock'": [header_line(HEADER), TICK.replace("Tick", "Tock"), TICK],
    "line 1 is not": ["", header_line(HEADER)],
    "unexpected keyword": [header_line(HEADER), TICK.replace('{"Tick":{}}', '{"Tick":{"x":1}}'), TICK],
}


@pytest.mark.parametrize(("text", "lines"), list(WRONG.items()))
def test_lines_that_are_no_recording_are_refused_with_their_number(text: str, lines: list[str]) -> None:
    with pytest.raises(RecordingError, match=text):
        read(lines)
