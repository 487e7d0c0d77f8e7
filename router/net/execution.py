"""Carries out what the core decides: keys become entries, purposes become links. Decides nothing itself.

Entries are kept by key. A handle of something that has gone in the meantime is no error: the engine's event
that tells of its end is on its way to the core.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from skrouter.amqp.codec import COMPACT, encode
from skrouter.amqp.types import Symbol
from skrouter.router.core import effects, events
from skrouter.router.core.core import RouterCore
from skrouter.router.core.effects import Effect
from skrouter.router.forwarder.forwarder import Forwarder, GoneError
from skrouter.router.net import clock
from skrouter.router.net.log import RouterLog

if TYPE_CHECKING:
    from skrouter.router.forwarder.forwarder import TerminusFields

_EXPIRE_LINK_DETACH = 0


class Execution:
    """The hands of one core on one forwarder."""

    def __init__(
        self,
        forwarder: Forwarder,
        core: RouterCore,
        log: RouterLog,
        bind_endpoint: Callable[[str, int], None],
        notice: Callable[[Effect], None],
    ) -> None:
        self._forwarder = forwarder
        self._core = core
        self._log = log
        self._bind_endpoint = bind_endpoint
        self._notice = notice
        self.entries: dict[str, int] = {}

    def carry_out(self, decided: list[Effect]) -> None:
        """Do it all, in order."""
        for effect in decided:
            try:
                self._do(effect)
            except GoneError:
                continue

    def _do(self, effect: Effect) -> None:
        match effect:
            case effects.PublishEntry(key, treatment, priority, control_only):
                self.entries[key] = self._forwarder.publish(key, treatment, priority, control_only)
            case effects.WithdrawEntry(key):
                self._forwarder.withdraw(self.entries.pop(key))
            case effects.SetEntryRouters(key, routers):
                self._forwarder.set_entry_routers(self.entries[key], routers)
            case effects.BindEndpoint(key):
                self._bind_endpoint(key, self._forwarder.add_endpoint(self.entries[key]))
            case effects.BindConsumer(link, key, proxy):
                self._forwarder.bind_consumer(link, self.entries[key], proxy)
            case effects.UnbindConsumer(link):
                self._forwarder.unbind_consumer(link)
            case _:
                self._do_link(effect)

    def _do_link(self, effect: Effect) -> None:
        match effect:
            case effects.AcceptLink():
                self._accept(effect)
            case effects.RejectLink(link, condition, description):
                self._forwarder.reject_link(link, condition, description)
            case effects.DetachLink(link, condition, description):
                self._forwarder.detach_link(link, condition, description)
            case effects.OpenLink():
                self._open(effect)
            case effects.AllowCredit(link, allowed):
                self._forwarder.allow_credit(link, allowed)
            case effects.Log(module, level, text):
                self._log.log(module, level, text)
            case _:
                self._do_route(effect)

    def _do_route(self, effect: Effect) -> None:
        match effect:
            case effects.SetRouter(index, neighbor, cost, origins):
                self._forwarder.set_router(index, neighbor, cost, _bitmap(origins))
            case effects.ForgetRouter(index):
                self._forwarder.forget_router(index)
            case effects.SetRadius(radius):
                self._forwarder.set_radius(radius)
            case effects.SetNeighbor(slot, connection, control_link, same):
                self._forwarder.set_neighbor(slot, connection, control_link, same)
            case effects.SetNeighborLink(slot, priority, link):
                self._forwarder.set_neighbor_link(slot, priority, link)
            case effects.AddDataConnection(slot, connection):
                self._forwarder.add_data_connection(slot, connection)
            case effects.MoveStreams(slot):
                self._forwarder.move_streams(slot)
            case effects.SetPeer(connection, kind, mesh, streams):
                self._forwarder.set_peer(connection, kind, mesh, streams)
            case effects.SetMesh(mesh):
                self._forwarder.set_mesh(mesh)
            case effects.SendMessage(link, content):
                self._forwarder.send(content, link, settled=False)
            case _:
                self._notice(effect)

    def _accept(self, effect: effects.AcceptLink) -> None:
        self._forwarder.accept_link(
            effect.link,
            effect.kind,
            effect.capacity,
            effect.credit,
            0 if effect.key is None else self.entries[effect.key],
            effect.source_address,
            effect.target_address,
            effect.annotated,
            effect.withheld,
            effect.priority,
            proxy=effect.proxy,
            swapped=effect.swapped,
            flags=effect.flags,
        )

    def _open(self, effect: effects.OpenLink) -> None:
        """Attach, and tell the core the handle."""
        purpose = effect.purpose
        link = self._forwarder.open_link(
            purpose.connection,
            effect.name,
            purpose.outgoing,
            effect.session,
            _terminus(effect.source),
            _terminus(effect.target),
            purpose.kind,
            effect.capacity,
            effect.credit,
            0 if effect.key is None else self.entries[effect.key],
            annotated=effect.annotated,
            priority=purpose.priority,
            withheld=effect.withheld,
            address=effect.address,
        )
        self.carry_out(self._core.handle(events.LinkOpened(link, effect.name, purpose), clock.monotonic()))


def _terminus(ours: effects.Terminus) -> TerminusFields:
    capability = encode(Symbol(ours.capability), COMPACT) if ours.capability else b""
    return (ours.address, 0, _EXPIRE_LINK_DETACH, 0, False, capability, b"", b"")


def _bitmap(indexes: frozenset[int]) -> bytes:
    """Little-endian bits, as the forwarder reads them."""
    bits = sum(1 << index for index in indexes)
    return bits.to_bytes((bits.bit_length() + 7) // 8, "little")
