"""The recorded line A - B - C of reference routers, with our engine in the place of each of them.

The engine gets what its router received, at the times of the recording, and ticks when its router did. The
recording has the first HELLOs of each connection and all other messages; the HELLOs left out are put back.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise

import pytest
from skrouter.amqp.message import decode_message
from skrouter.router.mesh import wire
from skrouter.router.mesh.config import MeshConfig
from skrouter.router.mesh.effects import (
    FlushRouterAddresses,
    RemoteAddressesChanged,
    RouterAdded,
    RouterRemoved,
    RoutesChanged,
    SendHello,
    SendMessage,
)
from skrouter.router.mesh.engine import MeshEngine
from skrouter.router.mesh.events import (
    ControlLinkDown,
    ControlLinkUp,
    Event,
    LocalAddressesChanged,
    MessageReceived,
    Tick,
)
from skrouter.router.mesh.messages import (
    AddressDescriptor,
    Hello,
    KnownMessage,
    LinkStateRequest,
    LinkStateUpdate,
    MobileAddressDifference,
    MobileAddressList,
    MobileAddressRequest,
    RouterAdvertisement,
)
from skrouter_testing import captures

FILES = {"AB": "connections/02-line-AB.txt", "BC": "connections/02-line-BC.txt"}
COSTS = {("AB", 0): 1, ("BC", 0): 5, ("BC", 1): 3}
FOO, BAR = AddressDescriptor("Mfoo", 3), AddressDescriptor("Mbar", 3)
NEAR = 0.015
"""Seconds by which a tick that is put between two known ones may be late."""
SHOWN_HELLOS = 4
"""Of each direction of each connection."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A message that passed a link: when, on which connection, from which of its ends, and whose it is."""

    time: float
    link: str
    connection: int
    sender: str
    origin: str
    message: KnownMessage


@cache
def sightings() -> tuple[Sighting, ...]:
    """Every protocol message of both links, in time."""
    found = []
    for link, file in FILES.items():
        for delivery in captures.deliveries(captures.connection_frames(file)):
            if delivery.capability != "qd.router":
                continue
            decoded = decode_message(delivery.content)
            assert decoded.router_annotations is not None
            assert decoded.properties is not None
            target = re.search(r"/_topo/0/(\w)/", decoded.properties.to or "")
            message = wire.read(decoded)
            if target:
                message = replace(message, target=target[1])  # type: ignore[call-arg]
            found.append(
                Sighting(
                    delivery.first.time,
                    link,
                    delivery.first.connection,
                    delivery.first.direction[0],
                    str(decoded.router_annotations.ingress)[-1],
                    message,  # type: ignore[arg-type]
                )
            )
    return tuple(sorted(found, key=lambda item: item.time))


@dataclass(frozen=True, slots=True)
class Life:
    """One run of a router: of a capture, from its first tick on."""

    router_id: str
    begin: float
    end: float
    doings: tuple[tuple[float, Event], ...] = ()

    @property
    def links(self) -> list[tuple[str, int]]:
        """Its connections; the place of the link in the list is the slot's name."""
        return [key for key in COSTS if self.router_id in key[0] and self.overlaps(key)]

    def overlaps(self, key: tuple[str, int]) -> bool:
        """Whether the connection was up in this life."""
        up, down = link_times(key)
        return up < self.end and down > self.begin

    def slot(self, link: str) -> int:
        """The engine's name for a link: a connection that comes again gets the same."""
        return sorted({name for name, _ in self.links}).index(link)


A = Life(
    "A",
    0.0,
    87.5,
    ((26.17, LocalAddressesChanged((BAR,))), (29.48, LocalAddressesChanged(removed=("Mbar",)))),
)
B = Life("B", 0.0, 87.5)
C = Life(
    "C",
    6.41,
    32.49,
    ((20.93, LocalAddressesChanged((FOO,))), (29.48, LocalAddressesChanged(removed=("Mfoo",)))),
)
C_AGAIN = Life("C", 37.0, 87.5)
LIVES = {"A": A, "B": B, "C": C, "C again": C_AGAIN}


@cache
def link_times(key: tuple[str, int]) -> tuple[float, float]:
    """When both control links were attached, and when the connection ended."""
    file, connection = FILES[key[0]], key[1]
    attached = [
        frame.time
        for frame in captures.connection_frames(file)
        if frame.name == "attach"
        and frame.connection == connection
        and frame.text[0].count("capabilities=:qd.router)")
        + frame.text[0].count("capabilities=array[:qd.router])")
    ]
    assert len(attached) == 4
    return max(attached), captures.ends(file)[connection]


def ticks(life: Life) -> list[float]:
    """When the router's own timer ran: HELLO, RA and differential MAU tell; the others lie evenly between."""
    told = [
        item.time
        for item in sightings()
        if item.sender == item.origin == life.router_id
        and life.begin < item.time < life.end
        and isinstance(item.message, Hello | RouterAdvertisement | MobileAddressDifference)
    ]
    anchors = [told[0], *(later for earlier, later in pairwise(told) if later - earlier > 0.5)]
    found = [anchors[0]]
    for later in [*anchors[1:], life.end]:
        steps = round(later - found[-1])
        width = (later - found[-1]) / max(steps, 1)
        found += [found[-1] + width * step for step in range(1, steps)] + [later]
    return found[:-1]


def received(life: Life) -> list[tuple[float, Event]]:
    """What came to the router's engine over its links."""
    found: list[tuple[float, Event]] = []
    for link, connection in life.links:
        up, down = link_times((link, connection))
        slot, cost = life.slot(link), COSTS[link, connection]
        found += [(up, ControlLinkUp(slot, cost))]
        found += [(down, ControlLinkDown(slot))] if down < life.end else []
        hellos: list[Sighting] = []
        for item in sightings():
            if (item.link, item.connection) != (link, connection) or item.sender == life.router_id:
                continue
            if getattr(item.message, "target", "") in ("", life.router_id):
                found.append((item.time, MessageReceived(item.message, slot, cost)))
            hellos += [item] if isinstance(item.message, Hello) else []
        assert len(hellos) == SHOWN_HELLOS
        peer = next(
            other
            for other in LIVES.values()
            if other.router_id == hellos[0].sender and other.begin < hellos[0].time < other.end
        )
        found += [
            (when, MessageReceived(hellos[-1].message, slot, cost))
            for when in ticks(peer)
            if hellos[-1].time + 0.5 < when < min(down, life.end)
        ]
    return found


Sent = tuple[KnownMessage, str]
"""A message, and the link if it is for one router."""


class Replay:
    """An engine in a router's place: what it and what the reference sent after each tick."""

    def __init__(self, name: str) -> None:
        life = self.life = LIVES[name]
        self.names = sorted({link for link, _ in life.links})
        self.times = ticks(life)
        own = [item for item in sightings() if item.sender == item.origin == life.router_id]
        own = [item for item in own if life.begin < item.time < life.end]
        instance = next(item.message.instance for item in own if isinstance(item.message, Hello))
        first = next(item.message for item in own if isinstance(item.message, MobileAddressList))
        addresses = tuple(a for a in first.addresses if a.key not in ("Mfoo", "Mbar"))
        self.engine = MeshEngine(MeshConfig(life.router_id, instance), self.times[0] - 1.0)
        self.sent: list[Counter[Sent]] = [Counter()]
        self.recorded: list[Counter[Sent]] = [Counter(), *(Counter() for _ in self.times)]
        self.hellos = self.hellos_recorded = 0
        self.said: dict[int, Hello] = {}
        self.other_hellos: list[tuple[Sighting, Hello | None]] = []
        self.told: list[str] = []
        self.routers: dict[int, str] = {}
        self.routes: dict[str, tuple[str | None, int | None]] = {}
        self.radius = 0
        self.remote: dict[str, set[str]] = {}
        self._handle(LocalAddressesChanged(addresses), life.begin)
        timeline = [(when, Tick()) for when in self.times] + received(life) + list(life.doings)
        for now, event in sorted(timeline, key=lambda entry: entry[0]):
            if isinstance(event, Tick):
                self.sent.append(Counter())
            self._handle(event, now)
        self._record(own)

    def _record(self, own: list[Sighting]) -> None:
        floods: dict[str, set[int]] = {}
        for item in own:
            interval = sum(when <= item.time + NEAR for when in self.times)
            directed = bool(getattr(item.message, "target", ""))
            sent = (comparable(item.message), item.link if directed else "all")
            if isinstance(item.message, Hello):
                self.hellos_recorded += 1
                if self.said.get(interval) != item.message:
                    self.other_hellos.append((item, self.said.get(interval)))
            elif directed:
                self.recorded[interval][sent] += 1
            elif interval not in floods.setdefault(repr(sent), set()):
                # One copy on each link is one message.
                floods[repr(sent)].add(interval)
                self.recorded[interval][sent] += 1

    def _handle(self, event: Event, now: float) -> None:
        for effect in self.engine.handle(event, now):
            match effect:
                case SendHello(message):
                    self.hellos += 1
                    self.said[len(self.sent) - 1] = message
                case SendMessage(message, slot):
                    link = "all" if slot is None else self.names[slot]
                    self.sent[-1][comparable(message), link] += 1
                case RouterAdded(index, router_id):
                    self.routers[index] = router_id
                    self.remote[router_id] = set()
                case RouterRemoved(index):
                    assert not self.remote.pop(self.routers.pop(index))
                case RoutesChanged(routes, radius):
                    self.radius = radius
                    self.routes |= {r.router_id: (r.next_hop_id, r.cost) for r in routes}
                case RemoteAddressesChanged(index, added, removed):
                    self._tell(self.routers[index], {address.key for address in added}, set(removed))
                case FlushRouterAddresses(index):
                    self.remote[self.routers[index]].clear()

    def _tell(self, router_id: str, added: set[str], removed: set[str]) -> None:
        self.remote[router_id] = (self.remote[router_id] | added) - removed
        clients = ("Mfoo", "Mbar")
        self.told += [f"+{router_id} {key}" for key in sorted(added) if key in clients]
        self.told += [f"-{router_id} {key}" for key in sorted(removed) if key in clients]

    def differences(self) -> list[tuple[float, list[str], list[str]]]:
        """Ticks after which we sent something else: when, only ours, only the reference's."""
        when = [self.life.begin, *self.times]
        return [
            (round(at, 1), shown(ours - theirs), shown(theirs - ours))
            for at, ours, theirs in zip(when, self.sent, self.recorded, strict=True)
            if ours != theirs
        ]


def comparable(message: KnownMessage) -> KnownMessage:
    """Hashable: costs of a link state as a tuple."""
    if isinstance(message, LinkStateUpdate):
        return replace(message, peers=tuple(message.peers.items()))  # type: ignore[arg-type]
    return message


def shown(sent: Counter[Sent]) -> list[str]:
    short = {
        LinkStateRequest: "LSR",
        LinkStateUpdate: "LSU",
        MobileAddressRequest: "MAR",
        MobileAddressList: "MAU",
    }
    return sorted(
        f"{short.get(type(message), type(message).__name__)} to {getattr(message, 'target', '') or 'all'}"
        for message, _ in sent.elements()
    )


@cache
def replay(name: str) -> Replay:
    return Replay(name)


MATCHED = {"A": 36, "B": 28, "C": 15, "C again": 12}
"""Messages that the reference sent, besides HELLOs; a copy on each link counts once."""


@pytest.mark.parametrize("name", list(LIVES))
def test_every_hello_of_the_recording_is_ours_too(name: str) -> None:
    played = replay(name)
    assert played.hellos_recorded == SHOWN_HELLOS * len(played.life.links)
    assert played.other_hellos == []
    assert played.hellos == len(played.times), "one each tick"


DIFFERENCES: dict[str, list[tuple[float, list[str], list[str]]]] = {
    # A's first questions to C get no answer in the recording. The reference asks again at C's next RA, four
    # seconds later; ours after one, three … seconds (sequence.py).
    "A": [
        (9.9, ["LSR to C", "MAR to C"], []),
        (11.9, ["MAR to C"], []),
        # C is back. The reference asks on its RA along the route of before, in vain, and again when it has
        # computed the new one; ours withdrew that route, and asks once there is one (topology.py).
        (38.9, [], ["LSR to C"]),
        (40.9, ["LSR to C", "MAR to C"], []),
        (42.9, ["MAR to C"], []),
    ],
    # A neighbor's RA is answered by a question at once, where the reference waits for the tick if the
    # neighbor is new; and the question that came before our link state had a number is answered when it has.
    # C is lost: ours tells its other links to all, unasked (engine.py).
    "B": [(1.3, ["LSR to A"], []), (2.3, ["LSU to A"], []), (33.4, ["LSU to all"], [])],
    "C": [
        (7.6, ["LSR to B"], []),
        (8.6, ["LSU to B"], []),
        # The answers to A's first questions, which the reference threw away for want of a route to A.
        (9.6, ["LSU to A", "MAU to A"], []),
    ],
    "C again": [
        (38.7, ["LSR to B"], []),
        (39.7, ["LSU to B"], []),
        # The same, and ours asks for A's addresses before A's next RA, and again as nobody answered that.
        (40.7, ["LSU to A", "MAR to A", "MAU to A"], []),
        (41.7, ["MAR to A"], []),
    ],
}
"""Ticks after which we sent other messages than the reference: ours only, the reference's only."""


@pytest.mark.parametrize("name", list(LIVES))
def test_we_send_what_the_reference_sent_after_each_tick_but_for_questions_asked_sooner(name: str) -> None:
    played = replay(name)
    assert sum(sum(interval.values()) for interval in played.recorded) == MATCHED[name]
    assert played.differences() == DIFFERENCES[name]


STATES = {
    "A": ({"B": ("B", 1), "C": ("B", 4)}, 2),
    "B": ({"A": ("A", 1), "C": ("C", 3)}, 1),
    "C": ({"B": ("B", 5), "A": ("B", 6)}, 2),
    "C again": ({"B": ("B", 3), "A": ("B", 4)}, 2),
}
"""Next hop and cost of every other router, and the radius, at the end."""


@pytest.mark.parametrize("name", list(LIVES))
def test_the_routes_at_the_end_are_those_of_the_line(name: str) -> None:
    played = replay(name)
    assert (played.routes, played.radius) == STATES[name]
    rows = {row.router_id: (row.cost, set(row.link_state)) for row in played.engine.nodes()}
    line = {"A": {"B"}, "B": {"A", "C"}, "C": {"B"}}
    costs = {router_id: cost for router_id, (_, cost) in STATES[name][0].items()}
    assert rows == {router_id: (costs.get(router_id), peers) for router_id, peers in line.items()}


FLOWS = {"A": "XmHCr:0", "B": "52vGp:0", "C": "HYTd9:0", "C again": "vjfSy:0"}
"""Who sends flow records in which life; the two addresses for these are all that is there at the end."""


@pytest.mark.parametrize("name", list(LIVES))
def test_the_addresses_at_the_end_are_those_of_each_router_s_last_life(name: str) -> None:
    last = {**FLOWS, "C": FLOWS["C again"]}
    others = {"A", "B", "C"} - {LIVES[name].router_id}
    expected = {other: {f"Msfe.{last[other]}", f"Mvfcr.{last[other]}"} for other in others}
    assert replay(name).remote == expected


def test_addresses_come_and_go_where_they_are_told() -> None:
    changes = {name: replay(name).told for name in LIVES}
    expected = {"A": ["+C Mfoo", "-C Mfoo"], "B": ["+C Mfoo", "+A Mbar", "-C Mfoo", "-A Mbar"]}
    expected |= {"C": ["+A Mbar", "-A Mbar"], "C again": []}
    assert changes == expected
