"""Whatever happens to an edge router, or to an interior router with edges, in whatever order: no effect names
what is not there, others are told the truth, and in the end nothing is left.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule
from skrouter.router.core import events
from skrouter.router.core.edge import wire
from skrouter.router.core.facts import ROLE_EDGE, ROLE_INTER_EDGE, ROLE_NORMAL
from skrouter_testing.edge_books import (
    DISCOVERY,
    NEGOTIATION,
    TRACKING,
    EdgeCore,
    InteriorCore,
    LivingCore,
    downlink,
    inter_edge_link,
)

NAMES = ("x", "y", "mc", "none")
ADDRESSES = (*NAMES, "_topo/0/I/a", "_edge/E1/b", "_edge/E2/b", "_edge/E3/b", "_local/z", wire.TRACKING)
MESHES = ("m1", "m2")
CONTENTS = (b"", b"\x00\x53\x77", wire.announcement("m1"), wire.negotiation(5, "m1"))


class Machine(RuleBasedStateMachine):
    """What both kinds of router have in common: connections, links, adaptors, watches."""

    connections: Bundle[int] = Bundle("connections")
    links: Bundle[int] = Bundle("links")
    roles: tuple[str, ...] = (ROLE_NORMAL,)
    make: Callable[[], LivingCore]

    def __init__(self) -> None:
        super().__init__()
        self.router: Any = type(self).make()
        self.living: dict[int, str] = {}
        self.adaptors: list[int] = []
        self.watched: list[str] = []

    @rule(
        target=connections,
        index=st.integers(0, 9),
        container=st.sampled_from(("E2", "E3")),
        ordinal=st.integers(0, 2),
    )
    def connect(self, index: int, container: str, ordinal: int) -> int:
        role = self.roles[index % len(self.roles)]
        connection: int = self.router.connect(role, container=container, ordinal=ordinal)
        self.living[connection] = role
        return connection

    @rule(connection=consumes(connections))
    def disconnect(self, connection: int) -> None:
        if self.living.pop(connection, None) is not None:
            self.router.disconnect(connection)

    @rule(
        target=links,
        connection=connections,
        outgoing=st.booleans(),
        address=st.sampled_from((None, *ADDRESSES)),
        dynamic=st.booleans(),
    )
    def attach(self, connection: int, outgoing: bool, address: str | None, dynamic: bool) -> Any:
        if connection not in self.living:
            return multiple()
        where = {"source" if outgoing else "target": address}
        return self.router.attach(connection, outgoing=outgoing, dynamic=dynamic, **where)

    @rule(link=consumes(links))
    def detach(self, link: int) -> None:
        if link in self.router.plane.links:
            self.router.detach(link)

    @rule(data=st.data())
    def detach_one_of_the_routers_own(self, data: st.DataObject) -> None:
        if self.router.links:
            self.router.detach(data.draw(st.sampled_from(sorted(self.router.links))))

    @rule(data=st.data())
    def answer_one_of_the_routers_own(self, data: st.DataObject) -> None:
        if self.router.links:
            self.router.establish(data.draw(st.sampled_from(sorted(self.router.links))))

    @rule(address=st.sampled_from(NAMES))
    def bind(self, address: str) -> None:
        link = self.router.handle()
        self.router.plane.links[link] = -1
        self.adaptors.append(link)
        self.router.send(events.ConsumerBound(address, link))

    @rule(data=st.data())
    def unbind(self, data: st.DataObject) -> None:
        if self.adaptors:
            link = data.draw(st.sampled_from(self.adaptors))
            self.adaptors.remove(link)
            self.router.send(events.ConsumerUnbound(link))
            self.router.plane.lose_link(link)

    @rule(address=st.sampled_from(NAMES))
    def watch(self, address: str) -> None:
        self.watched.append(address)
        self.router.send(events.WatchAdded(address))

    @rule(data=st.data())
    def unwatch(self, data: st.DataObject) -> None:
        if self.watched:
            address = data.draw(st.sampled_from(self.watched))
            self.watched.remove(address)
            self.router.send(events.WatchRemoved(address))

    @rule(
        connection=connections,
        key=st.sampled_from((TRACKING, NEGOTIATION, DISCOVERY)),
        content=st.sampled_from(CONTENTS),
    )
    def hear_nonsense(self, connection: int, key: str, content: bytes) -> None:
        if connection in self.living:
            self.router.hear(key, connection, content)

    # --- what always holds

    @invariant()
    def links_that_the_core_knows_live(self) -> None:
        assert set(self.router.core.links.by_handle) <= set(self.router.plane.links)
        for address in self.router.core.table.addresses.values():
            held = address.consumers | address.proxies | address.producers | address.feeders
            assert held <= set(self.router.plane.links), address.key

    @invariant()
    def entries_are_those_of_the_table(self) -> None:
        table = self.router.core.table.addresses
        assert set(self.router.plane.entries) == set(table)
        for key, address in table.items():
            held = address.consumers | address.proxies | address.producers | address.feeders
            assert self.router.plane.entries[key].users >= held, key

    @invariant()
    def senders_have_credit_where_there_is_a_destination(self) -> None:
        for address in self.router.core.table.addresses.values():
            for link in address.producers | address.feeders:
                assert self.router.plane.withheld[link] != address.has_destination, address.key

    def teardown(self) -> None:
        for connection in list(self.living):
            self.router.disconnect(connection)
        for link in self.adaptors:
            self.router.send(events.ConsumerUnbound(link))
            self.router.plane.lose_link(link)
        for address in self.watched:
            self.router.send(events.WatchRemoved(address))
        self.assert_empty()

    def assert_empty(self) -> None:
        core, plane = self.router.core, self.router.plane
        assert set(core.table.addresses) == set(plane.entries) <= {DISCOVERY, TRACKING, NEGOTIATION}
        assert plane.links == core.links.by_handle == core.connections.by_handle == {}
        assert plane.told == plane.outgoing == core.parser.peers == set()
        assert core.links.edges._told == {}


class EdgeMachine(Machine):
    """An edge router with clients, uplinks and peers."""

    roles = (ROLE_NORMAL, ROLE_EDGE, ROLE_INTER_EDGE)
    make = EdgeCore

    @rule(
        connection=Machine.connections,
        address=st.sampled_from(NAMES),
        reachable=st.booleans(),
    )
    def track(self, connection: int, address: str, reachable: bool) -> None:
        if connection in self.living:
            self.router.track(connection, address, reachable)

    @rule(
        connection=Machine.connections,
        ordinal=st.integers(95, 105),
        mesh=st.sampled_from(MESHES),
    )
    def negotiate(self, connection: int, ordinal: int, mesh: str) -> None:
        if connection in self.living:
            self.router.hear(NEGOTIATION, connection, wire.negotiation(ordinal, mesh))

    @rule(target=Machine.links, connection=Machine.connections)
    def attach_inter_edge(self, connection: int) -> Any:
        return inter_edge_link(self.router, connection) if connection in self.living else multiple()

    @invariant()
    def one_uplink_connection_is_active_if_there_is_any(self) -> None:
        uplinks = [connection for connection, role in self.living.items() if role == ROLE_EDGE]
        active = self.router.core.edge.uplink.active
        assert (active in uplinks) if uplinks else (active is None)
        for connection in uplinks:
            assert connection == active or self.router.roles(connection) == []

    @invariant()
    def no_link_of_ours_is_there_twice(self) -> None:
        for connection in self.living:
            roles = self.router.roles(connection)
            assert len(roles) == len(set(roles))

    @invariant()
    def proxies_are_for_addresses_that_want_them(self) -> None:
        table = self.router.core.table.addresses
        for effect in self.router.links.values():
            if effect.purpose.key:
                address = table[effect.purpose.key]
                wanted = (
                    address.has_local_source if effect.purpose.outgoing else address.has_local_destination
                )
                assert wanted, effect

    @invariant()
    def the_mesh_of_the_messages_is_the_one_agreed_on(self) -> None:
        assert self.router.plane.mesh in ("", self.router.mesh)

    @invariant()
    def each_router_is_reached_over_one_link(self) -> None:
        for key, address in self.router.core.table.addresses.items():
            if key in ("HE2", "HE3"):
                assert len(address.proxies & set(self.router.links)) <= 1


class InteriorMachine(Machine):
    """An interior router with clients, edges, and remote routers with consumers in some mesh or in none."""

    roles = (ROLE_NORMAL, ROLE_EDGE)
    make = InteriorCore

    def __init__(self) -> None:
        super().__init__()
        self.known = False

    @rule(connection=Machine.connections, mesh=st.sampled_from(MESHES))
    def announce(self, connection: int, mesh: str) -> None:
        if connection in self.living:
            self.router.announce(connection, mesh)

    @rule(target=Machine.links, connection=Machine.connections)
    def attach_downlink(self, connection: int) -> Any:
        return downlink(self.router, connection, "E2") if connection in self.living else multiple()

    @rule(target=Machine.links, connection=Machine.connections)
    def attach_tracking(self, connection: int) -> Any:
        if connection not in self.living:
            return multiple()
        return self.router.attach(connection, outgoing=True, source=wire.TRACKING)

    @rule(address=st.sampled_from(NAMES), mesh=st.sampled_from((None, *MESHES)), there=st.booleans())
    def hear_of_remote_consumers(self, address: str, mesh: str | None, there: bool) -> None:
        if not self.known:
            self.router.plane.routers.add(1)
            self.router.send(events.RouterKnown(1, "B"))
            self.known = True
        added = (events.RemoteAddress("M" + address, 3, mesh),) if there else ()
        self.router.send(events.RemoteAddressesChanged(1, added, () if there else ("M" + address,)))

    @rule()
    def forget_remote(self) -> None:
        if self.known:
            self.router.send(events.RouterForgotten(1))
            self.known = False

    @invariant()
    def edges_know_what_is_reachable_for_them(self) -> None:
        """The last word on its tracking link is the truth, for each address that an edge sends to."""
        clients = self.router.core.links.edges
        for connection, client in clients._clients.items():
            if client.tracking not in self.router.plane.links:
                continue
            said = dict(self.router.told(client.tracking))
            for key, address in self.router.core.table.addresses.items():
                senders = {self.router.plane.links[link] for link in address.producers}
                if key[0] == "M" and connection in senders:
                    assert said.get(key, False) is self._is_reachable(connection, client.mesh, address), key

    def _is_reachable(self, connection: int, mesh: str, address: Any) -> bool:
        """Somebody consumes it who is not this edge nor in its mesh."""
        clients = self.router.core.links.edges._clients
        for link in address.consumers:
            owner = self.router.plane.links[link]
            other = clients[owner].mesh if owner in clients else ""
            if owner != connection and (not mesh or other != mesh):
                return True
        if any(not mesh or address.meshes.get(index) != mesh for index in address.remotes):
            return True
        return bool(address.endpoints)

    @invariant()
    def others_know_the_mesh_that_all_consumers_are_in(self) -> None:
        clients = self.router.core.links.edges._clients
        for address in self.router.core.table.addresses.values():
            if address.told is None:
                continue
            owners = {self.router.plane.links[link] for link in address.consumers}
            meshes = {clients[owner].mesh if owner in clients else "" for owner in owners}
            expected = next(iter(meshes)) or None if len(meshes) == 1 else None
            assert address.told.mesh == expected, address.key

    def teardown(self) -> None:
        if self.known:
            self.router.send(events.RouterForgotten(1))
        super().teardown()


TestEdge = EdgeMachine.TestCase
TestEdge.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestInterior = InteriorMachine.TestCase
TestInterior.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
