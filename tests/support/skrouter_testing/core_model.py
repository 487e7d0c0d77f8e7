"""What the data plane would hold after the core's effects: refuses what cannot be carried out.

Belongs here: entries, links and neighbors as effects make them, and the facts that must hold between them.
Does not: deciding anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from skrouter.router.core import effects
from skrouter.router.core.effects import Effect


@dataclass
class Entry:
    """A published entry. `users` are links that consume from it or send to it."""

    treatment: effects.Treatment
    users: set[int] = field(default_factory=set)
    routers: tuple[int, ...] = ()
    endpoints: int = 0


class DataPlane:
    """Carries out effects. AssertionError for one that names something that is not there.

    `answer` takes the link that the core opens as soon as it exists, as in a running router; without it
    they wait in `opened`.
    """

    def __init__(self, answer: Callable[[effects.OpenLink], None] | None = None) -> None:
        self._answer = answer
        self.entries: dict[str, Entry] = {}
        self.links: dict[int, int] = {}
        """Living links and their connections."""
        self.withheld: dict[int, bool] = {}
        self.neighbors: dict[int, int] = {}
        self.up: set[int] = set()
        self.data: set[tuple[int, int]] = set()
        self.routers: set[int] = set()
        self.told: set[str] = set()
        self.refused: list[int] = []
        self.opened: list[effects.OpenLink] = []
        self.timers: set[str] = set()
        self.outgoing: set[int] = set()
        """Living links that the router sends on."""
        self.connections: set[int] = set()
        """Living connections; only looked at for routers that are no neighbors."""
        self.peers: dict[int, effects.SetPeer] = {}
        self.mesh = ""
        self.sent: list[tuple[int, bytes]] = []
        self.dropped: set[int] = set()

    # --- what the engine does by itself

    def lose_link(self, link: int) -> None:
        """The link is gone, before the core hears of it."""
        del self.links[link]
        self.withheld.pop(link, None)
        self.outgoing.discard(link)
        for entry in self.entries.values():
            entry.users.discard(link)

    def lose_connection(self, connection: int) -> None:
        """So are all links of a connection."""
        for link in [link for link, owner in self.links.items() if owner == connection]:
            self.lose_link(link)
        self.data = {(slot, other) for slot, other in self.data if other != connection}
        self.connections.discard(connection)
        self.peers.pop(connection, None)

    def link_opened(self, link: int, effect: effects.OpenLink) -> None:
        """A link of ours exists now."""
        self.links[link] = effect.purpose.connection
        self.withheld[link] = effect.withheld
        if effect.purpose.outgoing:
            self.outgoing.add(link)
        if effect.key is not None:
            self.entries[effect.key].users.add(link)

    # --- effects

    def carry_out(self, decided: list[Effect]) -> None:
        """All of them, in order."""
        for effect in decided:
            self._carry_out(effect)

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case effects.PublishEntry(key, treatment):
                self.entries.setdefault(key, Entry(treatment)).treatment = treatment
            case effects.WithdrawEntry(key):
                entry = self.entries.pop(key)
                assert not entry.users, f"{key} is withdrawn while {entry.users} use it"
                assert not entry.routers, f"{key} is withdrawn while it leads to routers {entry.routers}"
            case effects.SetEntryRouters(key, routers):
                assert set(routers) <= self.routers, f"{key} leads to unknown routers: {routers}"
                self.entries[key].routers = routers
            case effects.BindEndpoint(key):
                self.entries[key].endpoints += 1
            case effects.BindConsumer(link, key):
                assert link in self.links, f"link {link} is gone"
                bound = [other for other, entry in self.entries.items() if link in entry.users]
                assert not bound, f"link {link} is bound to {bound} already"
                self.entries[key].users.add(link)
            case effects.UnbindConsumer(link):
                assert link in self.links, f"link {link} is gone"
                for entry in self.entries.values():
                    entry.users.discard(link)
            case effects.LocalAddressesChanged():
                self._tell(effect)
            case _:
                self._carry_out_link(effect)

    def _tell(self, effect: effects.LocalAddressesChanged) -> None:
        for item in effect.added:
            assert item.key not in self.told, f"{item.key} is told twice"
            self.told.add(item.key)
        for key in effect.removed:
            assert key in self.told, f"{key} is taken back and was never told"
            self.told.discard(key)
        for item in effect.changed:
            assert item.key in self.told, f"{item.key} has changed and was never told"

    def _carry_out_link(self, effect: Effect) -> None:
        match effect:
            case effects.AcceptLink(link):
                assert link in self.links, f"link {link} is gone"
                self.withheld[link] = effect.withheld
                if effect.key is not None:
                    self.entries[effect.key].users.add(link)
            case effects.RejectLink(link):
                self.lose_link(link)
                self.refused.append(link)
            case effects.AllowCredit(link, allowed):
                assert link in self.links, f"credit for link {link}, which is gone"
                assert self.withheld[link] is allowed, f"credit of link {link} is {allowed} already"
                self.withheld[link] = not allowed
            case effects.OpenLink(key=key):
                assert key is None or key in self.entries, f"a link to {key}, which is not published"
                if self._answer is None:
                    self.opened.append(effect)
                else:
                    self._answer(effect)
            case effects.DetachLink(link):
                assert link in self.links, f"link {link} is detached twice"
                self.lose_link(link)
            case effects.DropConnection(connection):
                assert connection not in self.dropped, f"connection {connection} is dropped twice"
                self.dropped.add(connection)
            case effects.StartTimer(name):
                self.timers.add(name)
            case effects.SendMessage(link, content):
                assert link in self.outgoing, f"nothing can be sent on link {link}"
                self.sent.append((link, content))
            case effects.SetPeer(connection):
                assert connection in self.connections, f"connection {connection} is gone"
                self.peers[connection] = effect
            case effects.SetMesh(mesh):
                self.mesh = mesh
            case _:
                self._carry_out_route(effect)

    def _carry_out_route(self, effect: Effect) -> None:
        match effect:
            case effects.SetNeighbor(slot, connection, link, same):
                assert (slot in self.neighbors) is same, f"slot {slot} is taken or not, unexpectedly"
                assert self.links[link] == connection
                self.neighbors[slot] = connection
                self.data = {item for item in self.data if item[0] != slot}
            case effects.SetNeighborLink(slot, _, link):
                assert self.links[link] == self.neighbors[slot], f"link {link} is not of slot {slot}"
            case effects.AddDataConnection(slot, connection):
                assert slot in self.neighbors
                assert (slot, connection) not in self.data, f"connection {connection} is added twice"
                self.data.add((slot, connection))
            case effects.MoveStreams(slot):
                assert slot in self.neighbors
            case effects.NeighborUp(slot):
                assert slot in self.neighbors
                assert slot not in self.up
                self.up.add(slot)
            case effects.NeighborDown(slot):
                self.up.remove(slot)
                del self.neighbors[slot]
                self.data = {item for item in self.data if item[0] != slot}
            case effects.ForgetRouter(index):
                self.routers.remove(index)
                assert all(index not in entry.routers for entry in self.entries.values())
            case effects.SetRouter() | effects.SetRadius() | effects.WatchChanged() | effects.Log():
                pass
            case _:
                raise AssertionError(f"nobody carries out {effect!r}")
