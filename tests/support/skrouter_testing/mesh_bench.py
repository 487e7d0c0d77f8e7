"""One mesh engine under test, with scripted neighbors and a clock that the test moves."""

from __future__ import annotations

from dataclasses import dataclass, field

from skrouter.router.mesh.config import MeshConfig
from skrouter.router.mesh.effects import (
    Effect,
    Log,
    SendMessage,
)
from skrouter.router.mesh.engine import MeshEngine
from skrouter.router.mesh.events import (
    ControlLinkUp,
    Event,
    MessageReceived,
    Tick,
)
from skrouter.router.mesh.messages import (
    AddressDescriptor,
    Hello,
    LinkStateUpdate,
    MeshMessage,
    MobileAddressList,
    RouterAdvertisement,
)

FOO, BAR = AddressDescriptor("Mfoo", 3), AddressDescriptor("Mbar", 1)
INSTANCE, PEER = 100, 50


@dataclass(slots=True)
class Bench:
    """Router A under test, with a clock."""

    config: MeshConfig = field(default_factory=lambda: MeshConfig("A", INSTANCE))
    now: float = 0.0
    engine: MeshEngine = field(init=False)

    def __post_init__(self) -> None:
        self.engine = MeshEngine(self.config, self.now)

    def handle(self, event: Event) -> list[Effect]:
        """One event now."""
        return self.engine.handle(event, self.now)

    def receive(self, message: MeshMessage, slot: int = 0, cost: int = 1) -> list[Effect]:
        """One message now."""
        return self.handle(MessageReceived(message, slot, cost))

    def tick(self) -> list[Effect]:
        """The tick of the next second; what was to be settled before it is settled with it."""
        self.now = self.engine.next_second
        return self.handle(Tick())

    def settle(self) -> list[Effect]:
        """The early tick that follows changed links."""
        assert self.now < self.engine.next_deadline() < self.engine.next_second
        self.now = self.engine.next_deadline()
        return self.handle(Tick())

    def ticks(self, number: int, heard: tuple[str, ...] = ("B",)) -> list[Effect]:
        """Ticks while the neighbors keep saying HELLO."""
        effects = []
        for _ in range(number):
            for slot, router_id in enumerate(heard):
                self.receive(Hello(router_id, PEER, ("A",)), slot)
            effects += self.tick()
        return effects

    def advertise(self, router_id: str, ls_seq: int, mobile_seq: int, instance: int = PEER) -> list[Effect]:
        """An RA now."""
        return self.receive(RouterAdvertisement(router_id, instance, ls_seq, mobile_seq))

    def link_state(
        self, router_id: str, ls_seq: int, peers: dict[str, int], instance: int = PEER
    ) -> list[Effect]:
        """An LSU now."""
        return self.receive(LinkStateUpdate(router_id, instance, ls_seq, peers))


def with_neighbor() -> Bench:
    """B is a neighbor on slot 0, its link state 1 and its addresses 1 (foo) are known."""
    bench = Bench()
    bench.handle(ControlLinkUp(0, 1))
    bench.ticks(1)
    bench.advertise("B", 1, 1)
    bench.link_state("B", 1, {"A": 1})
    bench.receive(MobileAddressList("B", 1, (FOO,)))
    bench.ticks(1)
    return bench


def with_line() -> Bench:
    """As above, and C behind B at cost 5, its link state and addresses (bar) known."""
    bench = with_neighbor()
    bench.link_state("B", 2, {"A": 1, "C": 5})
    bench.ticks(1)
    bench.advertise("C", 1, 1)
    bench.link_state("C", 1, {"B": 5})
    bench.receive(MobileAddressList("C", 1, (BAR,)))
    bench.ticks(1)
    return bench


def sent(effects: list[Effect]) -> list[tuple[object, int | None]]:
    """Messages sent, with slots; HELLO left out."""
    return [(effect.message, effect.slot) for effect in effects if isinstance(effect, SendMessage)]


def logged(effects: list[Effect], level: str) -> list[str]:
    """Texts of log lines of one level."""
    return [effect.text for effect in effects if isinstance(effect, Log) and effect.level == level]


def of(effects: list[Effect], kind: type) -> list[Effect]:
    """Effects of one kind."""
    return [effect for effect in effects if isinstance(effect, kind)]
