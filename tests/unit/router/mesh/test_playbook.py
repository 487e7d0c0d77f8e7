"""The recorded conversation of two reference routers, with our engine in the place of one of them."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from skrouter.amqp.annotations import RouterAnnotations
from skrouter.router.mesh.config import MeshConfig
from skrouter.router.mesh.effects import Effect, Log, RemoteAddressesChanged, SendHello, SendMessage
from skrouter.router.mesh.engine import MeshEngine
from skrouter.router.mesh.events import (
    ControlLinkDown,
    ControlLinkUp,
    Event,
    LocalAddressesChanged,
    MessageReceived,
    Tick,
)
from skrouter.router.mesh.messages import AddressDescriptor, Hello
from skrouter.router.mesh.wire import decode, encode

RECORD = Path(__file__).with_name("interior_pair.txt")
INSTANCE = 1795397545
INSTANCE_AGAIN = 1795397593
STOPPED_AT = 41.77
STARTED_AGAIN = 47.808
KILLED_AT = 56.12
FOO = AddressDescriptor("Mfoo", 3)


@dataclass(slots=True)
class Playback:
    """One engine driven through the record; what it sent and what the reference sent, by tick."""

    router_id: str
    peer_id: str
    addresses: tuple[AddressDescriptor, ...]
    doings: list[tuple[float, Event]] = field(default_factory=list)
    sent: list[list[bytes]] = field(default_factory=lambda: [[]])
    recorded: list[list[bytes]] = field(default_factory=lambda: [[]])
    times: list[float] = field(default_factory=lambda: [0.0])
    effects: list[Effect] = field(default_factory=list)
    instance: int = INSTANCE
    engine: MeshEngine | None = None
    ticks: list[list[bytes]] = field(default_factory=list)

    def run(self, until: float, since: float = 0.0) -> None:
        """Play the record: the peer's messages come in, our ticks are where the reference's were."""
        annotations = RouterAnnotations(ingress=f"0/{self.router_id}", trace=(f"0/{self.router_id}",))
        engine = self.engine = MeshEngine(MeshConfig(self.router_id, self.instance), since)

        def handle(event: Event, now: float) -> None:
            for effect in engine.handle(event, now):
                self.effects.append(effect)
                if isinstance(effect, SendHello | SendMessage):
                    self.sent[-1].append(encode(effect.message, annotations))

        handle(LocalAddressesChanged(self.addresses), since)
        for now, what, octets in events_of(self.router_id, self.peer_id, until, since):
            while self.doings and self.doings[0][0] < now:
                handle(self.doings.pop(0)[1], now)
            match what:
                case "tick":
                    self.times.append(now)
                    self.sent.append([])
                    self.recorded.append([])
                    handle(Tick(), now)
                    self.ticks.append(list(self.sent[-1]))
                case "+":
                    handle(ControlLinkUp(0, 1), now)
                case "-":
                    handle(ControlLinkDown(0), now)
                case "received":
                    handle(MessageReceived(decode(octets), 0, 1), now)
            if what == "sent" or (what == "tick" and octets):
                self.recorded[-1].append(octets)


def events_of(router_id: str, peer_id: str, until: float, since: float) -> list[tuple[float, str, bytes]]:
    """The record from the side of one router. Without a link its HELLOs are not seen: ticks are put there."""
    events: list[tuple[float, str, bytes]] = []
    last_tick = since
    for line in RECORD.read_text(encoding="ascii").splitlines():
        if line.startswith("#"):
            continue
        when, what, *rest = line.split()
        now, octets = float(when), bytes.fromhex(rest[0]) if rest else b""
        if now > until:
            break
        if now < since:
            continue
        while now - last_tick > 1.5:
            last_tick += 1.0
            events.append((last_tick, "tick", b""))
        if what == f"{peer_id}->{router_id}":
            events.append((now, "received", octets))
        elif what in ("+", "-"):
            events.append((now, what, b""))
        elif isinstance(decode(octets), Hello):
            last_tick = now
            events.append((now, "tick", octets))
        else:
            events.append((now, "sent", octets))
    return events + [(last_tick + number, "tick", b"") for number in range(1, int(until - last_tick))]


def play_a() -> Playback:
    """Router A through start, an address that comes and goes, B's stop, return and end."""
    addresses = (AddressDescriptor("Msfe.IYQA+:0", 2), AddressDescriptor("Mvfcr.IYQA+:0", 2))
    playback = Playback("A", "B", addresses)
    playback.run(60.0)
    return playback


def play_b() -> Playback:
    """Router B until it is stopped; foo is its address for a while."""
    addresses = (AddressDescriptor("Msfe.qkMRC:0", 2), AddressDescriptor("Mvfcr.qkMRC:0", 2))
    doings: list[tuple[float, Event]] = [
        (22.52, LocalAddressesChanged(added=(FOO,))),
        (38.27, LocalAddressesChanged(removed=("Mfoo",))),
    ]
    playback = Playback("B", "A", addresses, doings)
    playback.run(STOPPED_AT)
    return playback


def play_b_again() -> Playback:
    """Router B from its second start until it is killed."""
    addresses = (AddressDescriptor("Msfe.96WNM:0", 2), AddressDescriptor("Mvfcr.96WNM:0", 2))
    playback = Playback("B", "A", addresses, instance=INSTANCE_AGAIN)
    playback.run(KILLED_AT, since=STARTED_AGAIN)
    return playback


def by_interval(playback: Playback) -> list[tuple[float, Counter[bytes], Counter[bytes]]]:
    """Per tick what we and what the reference sent until the next one.

    The order within is tested by itself: two threads of the reference answer in an order of their own.
    """
    parts = zip(playback.times, playback.sent, playback.recorded, strict=True)
    return [(when, Counter(sent), Counter(recorded)) for when, sent, recorded in parts]


def test_router_a_sends_octet_for_octet_what_the_reference_sent() -> None:
    playback = play_a()
    assert sum(len(recorded) for recorded in playback.recorded) > 60
    for when, sent, recorded in by_interval(playback):
        if recorded:
            assert sent == recorded, f"after the tick at {when}"


def different(playback: Playback) -> list[tuple[float, Counter[bytes], Counter[bytes]]]:
    """Ticks after which we and the reference sent other messages: only ours, only the reference's."""
    return [
        (when, sent - recorded, recorded - sent)
        for when, sent, recorded in by_interval(playback)
        if sent != recorded
    ]


def test_router_b_sends_in_its_second_life_octet_for_octet_what_the_reference_sent() -> None:
    playback = play_b_again()
    assert sum(len(recorded) for recorded in playback.recorded) > 12
    assert different(playback) == []


def test_router_b_asks_for_the_first_link_state_earlier_and_otherwise_sends_what_the_reference_sent() -> None:
    found = different(play_b())
    assert [[kind(octets) for octets in ours] for _, ours, _ in found] == [
        ["LinkStateRequest"],
        ["LinkStateUpdate"],
    ]
    assert not any(missing for _, _, missing in found)


def kind(octets: bytes) -> str:
    """The type of a message."""
    return type(decode(octets)).__name__


@pytest.mark.parametrize("play", [play_a, play_b])
def test_a_tick_sends_hello_then_updates_then_requests_then_advertisement(
    play: Callable[[], Playback],
) -> None:
    order = [
        "Hello",
        "MobileAddressDifference",
        "LinkStateUpdate",
        "LinkStateRequest",
        "MobileAddressRequest",
        "RouterAdvertisement",
    ]
    kinds = [[kind(octets) for octets in sent] for sent in play().ticks]
    assert any(len(of_tick) > 2 for of_tick in kinds)
    for of_tick in kinds:
        assert of_tick == sorted(of_tick, key=order.index)


def test_router_a_logs_what_the_reference_logged() -> None:
    up = [
        "Computed next hops: {'B': 'B'}",
        "Computed costs: {'B': 1}",
        "Computed valid origins: {'B': []}",
        "Computed radius: 1",
        "Unreachable_ids: []",
    ]
    down = [
        "Link to Neighbor Router Lost - link_tag=0",
        "Computed next hops: {}",
        "Computed costs: {}",
        "Computed valid origins: {}",
        "Computed radius: 0",
        "Unreachable_ids: ['B']",
        "Invalidating addresses on unreachable node: B",
    ]
    logs = [effect for effect in play_a().effects if isinstance(effect, Log) and effect.level != "debug"]
    assert {(log.level, log.module) for log in logs} == {("info", "ROUTER_LS"), ("info", "ROUTER")}
    restart = "Detected Restart of Router Node B"
    assert [log.text for log in logs] == [*up, *up, *down, restart, *up, *down]
    assert [log.text for log in logs if log.module == "ROUTER"] == [restart]


@pytest.mark.parametrize(
    ("play", "rows"),
    [
        (play_a, [("A", ()), ("B", ("A",))]),
        (play_b, [("B", ("A",)), ("A", ("B",))]),
        (play_b_again, [("B", ("A",)), ("A", ("B",))]),
    ],
)
def test_the_mesh_at_the_end_is_the_recorded_one(
    play: Callable[[], Playback], rows: list[tuple[str, tuple[str, ...]]]
) -> None:
    playback = play()
    assert playback.engine is not None
    nodes = playback.engine.nodes()
    assert [(node.router_id, node.link_state) for node in nodes] == rows
    killed = playback.router_id == "A"
    assert nodes[1].cost == (None if killed else 1)
    assert nodes[1].router_link == (None if killed else 0)
    assert nodes[1].instance == (INSTANCE_AGAIN if killed else INSTANCE)


def test_router_a_learns_the_addresses_that_b_told() -> None:
    changes = [effect for effect in play_a().effects if isinstance(effect, RemoteAddressesChanged)]
    first = (AddressDescriptor("Msfe.qkMRC:0", 2), AddressDescriptor("Mvfcr.qkMRC:0", 2))
    second = (AddressDescriptor("Msfe.96WNM:0", 2), AddressDescriptor("Mvfcr.96WNM:0", 2))
    assert changes == [
        RemoteAddressesChanged(1, first, ()),
        RemoteAddressesChanged(1, (FOO,), ()),
        RemoteAddressesChanged(1, (), ("Mfoo",)),
        RemoteAddressesChanged(1, second, ()),
    ]
