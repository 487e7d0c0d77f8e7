"""The native treatments choose what the plain model chooses, whatever the load."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from skrouter.router.core.effects import Treatment
from skrouter_testing.engines import Bench, Node, bench
from skrouter_testing.peers import Link, message
from skrouter_testing.treatment_model import Choice, Consumer, Hop, Remote

CAPACITIES = (1, 3, 250)
SMALL, MIDDLE, LARGE = range(3)
LISTENER = """
listener {{
    name: capacity-{capacity}
    host: 127.0.0.1
    port: 0
    saslMechanisms: ANONYMOUS
    linkCapacity: {capacity}
}}
"""
CONF = """
router {
    mode: interior
    id: A
}
""" + "".join(LISTENER.format(capacity=capacity) for capacity in CAPACITIES)
ADDRESS = "chosen"
FIRST_INDEX = 7
"""Of a remote router that only the forwarder knows."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench(tmp_path_factory.mktemp("bench")) as it:
        it.node(CONF)
        yield it


@dataclass
class Place:
    """A link that the forwarder may choose, and what the model holds of it."""

    link: Link
    handle: int
    model: Consumer | Hop
    settled: int = 0


@dataclass(frozen=True)
class Layout:
    """Kinds of capacity of consumers here and of next hops; (next hop, cost) of routers elsewhere."""

    treatment: Treatment
    consumers: list[int]
    hops: list[int]
    remotes: list[tuple[int, int]]


class Field:
    """One address with consumers here and routers elsewhere, in the forwarder and in the model."""

    def __init__(self, made: Bench, layout: Layout) -> None:
        self.bench = made
        self.node: Node = made.nodes[0]
        self.forwarder = self.node.router.forwarder
        self.treatment = layout.treatment
        self.entry = self.forwarder.publish(f"M{ADDRESS}", int(layout.treatment))
        self.sender = made.peer(self.node.ports[LARGE], "sender").sender(None)
        made.run_until(lambda: self.sender.credit > 0, "no credit")
        self.here = [self._place(kind, Consumer(CAPACITIES[kind])) for kind in layout.consumers]
        self.away = [self._place(kind, Hop(CAPACITIES[kind])) for kind in layout.hops]
        for place in self.here:
            self.forwarder.bind_consumer(place.handle, self.entry)
        for slot, place in enumerate(self.away):
            self._make_neighbor(slot, place)
        self.choice = Choice([place.model for place in self.here if isinstance(place.model, Consumer)], [])
        for number, (hop, cost) in enumerate(layout.remotes if self.away else []):
            slot = hop % len(self.away)
            self.forwarder.set_router(FIRST_INDEX + number, slot, cost, b"")
            model = self.away[slot].model
            assert isinstance(model, Hop)
            self.choice.remotes.append(Remote(model, cost))
        self.forwarder.set_entry_routers(
            self.entry, range(FIRST_INDEX, FIRST_INDEX + len(self.choice.remotes))
        )

    def _place(self, kind: int, model: Consumer | Hop) -> Place:
        """A receiver without credit, taken from the address it asked for."""
        known = set(self.node.router.core.links.by_handle)
        link = self.bench.peer(self.node.ports[kind], "receiver").receiver("elsewhere")
        self.bench.run_until(lambda: link.attach, "no attach")
        (handle,) = set(self.node.router.core.links.by_handle) - known
        self.forwarder.unbind_consumer(handle)
        return Place(link, handle, model)

    def _make_neighbor(self, slot: int, place: Place) -> None:
        connection = self.node.router.core.links.by_handle[place.handle].connection
        self.forwarder.set_neighbor(slot, connection, place.handle)
        self.forwarder.set_neighbor_link(slot, 0, place.handle)

    @property
    def places(self) -> list[Place]:
        return [*self.here, *self.away]

    def counts(self) -> list[int]:
        """Deliveries of each place so far."""
        return [self.forwarder.link_facts(place.handle)[3] for place in self.places]

    def send(self, settled: bool) -> None:
        """The next delivery goes where the model says."""
        self.bench.run_until(lambda: self.sender.credit > 0, "no credit")
        before = self.counts()
        sent = self.sender.send(message(to=ADDRESS), settled=settled)
        self.bench.rest()
        expected = self.choice.closest() if self.treatment is Treatment.CLOSEST else self.choice.balanced()
        taken = [now - then for now, then in zip(self.counts(), before, strict=True)]
        assert taken == [int(place.model is expected) for place in self.places]
        if isinstance(expected, Consumer):
            expected.take(settled)
        elif isinstance(expected, Hop):
            expected.outstanding += not settled
        elif not settled:
            assert sent.outcome == "released"
        self.check()

    def deliver(self, number: int, count: int) -> None:
        """A consumer here takes some."""
        if self.here:
            place = self.here[number % len(self.here)]
            assert isinstance(place.model, Consumer)
            count = min(count, len(place.model.queue))
            if count:
                place.link.give(count)
                self.bench.rest()
                place.model.deliver(count)
            self.check()

    def settle(self, number: int) -> None:
        """Somebody settles what has been delivered, here or behind a next hop."""
        if not self.places:
            return
        place = self.places[number % len(self.places)]
        if isinstance(place.model, Hop):
            place.link.give(self.forwarder.link_facts(place.handle)[1])
            self.bench.rest()
        due = [item for item in place.link.received if not item.settled]
        for item in due:
            place.link.settle(item)
        self.bench.rest()
        if isinstance(place.model, Hop):
            place.model.outstanding = 0
        else:
            place.model.unsettled = 0
        self.check()

    def check(self) -> None:
        """Both hold the same load."""
        for place in self.here:
            facts = self.forwarder.link_facts(place.handle)
            assert isinstance(place.model, Consumer)
            assert (facts[1], facts[2]) == (len(place.model.queue), place.model.unsettled)
        counted = self.forwarder.entry_facts(self.entry)[5]
        for slot, place in enumerate(self.away):
            assert isinstance(place.model, Hop)
            assert (counted[slot] if slot < len(counted) else 0) == place.model.outstanding

    def close(self) -> None:
        self.bench.drop_peers()
        self.bench.rest()
        for number in range(len(self.choice.remotes)):
            self.forwarder.forget_router(FIRST_INDEX + number)
        self.forwarder.withdraw(self.entry)
        live = self.node.live()
        assert [live[name] for name in ("arrivals_live", "copies_live", "contents_live")] == [0, 0, 0]


@contextmanager
def field_of(made: Bench, layout: Layout) -> Iterator[Field]:
    it = Field(made, layout)
    yield it
    it.close()


KINDS = st.integers(0, len(CAPACITIES) - 1)
LAYOUTS = st.builds(
    Layout,
    st.sampled_from([Treatment.CLOSEST, Treatment.BALANCED, Treatment.BALANCED]),
    st.lists(KINDS, max_size=4),
    st.lists(KINDS, max_size=3),
    st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4)), max_size=4),
)
STEPS = st.one_of(
    st.tuples(st.just("send"), st.booleans()),
    st.tuples(st.just("send"), st.just(False)),
    st.tuples(st.just("deliver"), st.integers(0, 3), st.integers(1, 3)),
    st.tuples(st.just("settle"), st.integers(0, 6)),
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(LAYOUTS, st.lists(STEPS, min_size=5, max_size=30))
def test_the_choice_is_that_of_the_model(
    made: Bench, layout: Layout, steps: list[tuple[object, ...]]
) -> None:
    with field_of(made, layout) as field:
        for name, *arguments in steps:
            getattr(field, str(name))(*arguments)


# --- the rules one by one: capacities here and of next hops, (hop, cost) of routers, who gets each delivery

LOADS = [
    (
        "closest: consumers here take turns, whatever is behind",
        "closest",
        [2, 2, 2],
        [2],
        [(0, 1)],
        "abcabca",
    ),
    ("closest: capacity counts for nothing", "closest", [0, 2], [], [], "ababab"),
    ("closest: the lowest cost, not the others", "closest", [], [2, 2], [(0, 3), (1, 2)], "BBBB"),
    ("closest: equal costs take turns", "closest", [], [2, 2, 2], [(0, 2), (1, 2), (2, 2)], "ABCABC"),
    (
        "closest: equal costs take even turns beside a dearer one",
        "closest",
        [],
        [2, 2, 2],
        [(0, 4), (1, 1), (2, 1)],
        "BCBCBC",
    ),
    (
        "closest: two routers behind one hop count as two",
        "closest",
        [],
        [2, 2],
        [(0, 1), (0, 1), (1, 1)],
        "AABAAB",
    ),
    ("balanced: idle consumers here in turn", "balanced", [2, 2, 2], [2], [(0, 1)], "abc"),
    (
        "balanced: a router when its cost is less than the load here",
        "balanced",
        [2],
        [2],
        [(0, 2)],
        "aaaAaAaA",
    ),
    (
        "balanced: a router's cost is its load from the first",
        "balanced",
        [],
        [2, 2],
        [(0, 1), (1, 4)],
        "AAABABAB",
    ),
    ("balanced: full ones are passed over while another has room", "balanced", [0, 2], [], [], "abbb"),
    ("balanced: all full: the least loaded, the last of equals here", "balanced", [0, 0], [], [], "abbaba"),
    ("balanced: here before a router of the same load", "balanced", [2], [2], [(0, 1)], "aaAaA"),
    ("balanced: nobody", "balanced", [], [], [], "--"),
]


@pytest.mark.parametrize("load", LOADS, ids=[load[0] for load in LOADS])
def test_loads_grow_as_the_specification_says(
    made: Bench, load: tuple[str, str, list[int], list[int], list[tuple[int, int]], str]
) -> None:
    rule, treatment, consumers, hops, remotes, expected = load
    with field_of(made, Layout(Treatment[treatment.upper()], consumers, hops, remotes)) as field:
        got = ""
        for _ in expected:
            before = field.counts()
            field.send(settled=False)
            taken = [now - then for now, then in zip(field.counts(), before, strict=True)]
            names = "abcdefg"[: len(consumers)] + "ABCDEFG"[: len(hops)]
            got += names[taken.index(1)] if 1 in taken else "-"
        assert got == expected, rule
