"""Whatever happens in whatever order: no effect names what is gone, and in the end nothing is left."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule
from skrouter.amqp.capabilities import OpenProperties
from skrouter.amqp.events import LinkDetached, LinkEstablished, StreamingLinkWanted
from skrouter.router.core import events
from skrouter.router.core.address_table import AddressRule
from skrouter.router.core.core import CoreConfig, RouterCore
from skrouter.router.core.effects import Treatment, Use
from skrouter.router.core.facts import AutoLink
from skrouter_testing.core_model import DataPlane
from skrouter_testing.playbook import attached, connection_facts, terminus

PERMANENT = {"Lhello", "Tflood", "Mshared"}
ADDRESSES = (
    "x",
    "y",
    "mc",
    "none",
    "shared",
    "_local/hello",
    "_local/z",
    "_topo/0/B/q",
    "_topo/0/A/z",
    "_edge/E/x",
)
MOBILE = ("x", "y", "mc", "shared")
ROUTERS = {1: "B", 2: "C", 3: "D"}
ROLES = ("normal", "inter-router", "inter-router-data", "route-container", "inter-network")
AUTO_LINKS = (
    AutoLink("to-port", False, "x", "there", "listener"),
    AutoLink("from-port", True, "x", None, "listener"),
    AutoLink("from-container", True, "y", None, None, "B"),
    AutoLink("replies", True, None, "_xtopo/net", "listener"),
)
RULES = {"mc": AddressRule(Treatment.MULTICAST), "none": AddressRule(Treatment.UNAVAILABLE)}
ADAPTOR = -1


class Consistency(RuleBasedStateMachine):
    """One core, and the data plane that does as it says."""

    connections: Bundle[int] = Bundle("connections")
    links: Bundle[int] = Bundle("links")
    bound: Bundle[int] = Bundle("bound")

    def __init__(self) -> None:
        super().__init__()
        self.number = 0
        self.core = RouterCore(CoreConfig("A", True, self._unique, RULES.get))
        self.plane = DataPlane()
        self.watches: Counter[str] = Counter()
        self.living: set[int] = set()
        self.auto: set[int] = set()
        self.told: dict[int, set[str]] = {}
        self.send(events.EndpointAdded("Lhello", control_only=True))
        self.send(
            events.EndpointAdded("Tflood", control_only=True, treatment=Treatment.FLOOD, everywhere=True)
        )
        self.send(events.EndpointAdded("Mshared", shared=True))

    def _next(self) -> int:
        self.number += 1
        return self.number

    def _unique(self) -> str:
        return f"u{self._next()}"

    def send(self, event: events.Event) -> None:
        self.plane.carry_out(self.core.handle(event, 0.0))
        self._open_auto_links()

    def _open_auto_links(self) -> None:
        """They exist as soon as they are asked for, like all links; only their credit is looked at here."""
        wanted = [one for one in self.plane.opened if one.purpose.use is Use.AUTO]
        self.plane.opened = [one for one in self.plane.opened if one.purpose.use is not Use.AUTO]
        for effect in wanted:
            link = self._next()
            self.auto.add(link)
            self.plane.links[link] = effect.purpose.connection
            if effect.key is not None:
                self.plane.entries[effect.key].users.add(link)
                self.plane.withheld[link] = effect.withheld
            self.plane.carry_out(self.core.handle(events.LinkOpened(link, effect.name, effect.purpose), 0.0))

    # --- connections

    @rule(
        target=connections,
        role=st.sampled_from(ROLES),
        incoming=st.booleans(),
        container=st.sampled_from(("B", "C")),
        connector=st.sampled_from(("g", "h", "")),
        ordinal=st.integers(0, 3),
    )
    def connect(self, role: str, incoming: bool, container: str, connector: str, ordinal: int) -> int:
        connection = self._next()
        self.living.add(connection)
        self.plane.connections.add(connection)
        properties = OpenProperties(correlator=connector or None)
        self.send(
            events.ConnectionUp(
                connection_facts(
                    connection,
                    role=role,
                    incoming=incoming,
                    container=container,
                    properties=properties,
                    port_name=f"to-{connector}",
                    ordinal=ordinal,
                )
            )
        )
        return connection

    @rule(target=links, connection=connections, incoming=st.booleans())
    def attach_control_links(self, connection: int, incoming: bool) -> Any:
        """What makes a neighbor, at once: chance alone would do it too rarely."""
        if connection not in self.living:
            return multiple()
        both = terminus(capability="qd.router")
        first = self._attach(connection, incoming, both, both)
        if first not in self.plane.links:
            return first
        return multiple(first, self._attach(connection, not incoming, both, both))

    @rule(target=links)
    def open_wanted(self) -> Any:
        """What the core wants to open exists now."""
        handles = []
        for effect in self.plane.opened:
            if effect.purpose.connection in self.living:
                handles.append(self._next())
                self.plane.links[handles[-1]] = effect.purpose.connection
                self.send(events.LinkOpened(handles[-1], effect.name, effect.purpose))
        self.plane.opened.clear()
        return multiple(*handles)

    @rule(link=links)
    def establish(self, link: int) -> None:
        if link in self.plane.links:
            self.send(LinkEstablished(link, terminus(), terminus()))

    @rule(connection=connections)
    def want_stream(self, connection: int) -> None:
        if connection in self.living:
            self.send(StreamingLinkWanted(connection))

    @rule(connection=consumes(connections))
    def lose_connection(self, connection: int) -> None:
        if connection in self.living:
            self.living.discard(connection)
            self.plane.lose_connection(connection)
            self.send(events.ConnectionDown(connection))

    # --- autoLinks

    @rule(config=st.sampled_from(AUTO_LINKS))
    def add_auto_link(self, config: AutoLink) -> None:
        self.send(events.AutoLinkAdded(config))

    @rule(config=st.sampled_from(AUTO_LINKS))
    def remove_auto_link(self, config: AutoLink) -> None:
        self.send(events.AutoLinkRemoved(config.name))

    @rule(data=st.data(), refused=st.booleans())
    def answer_auto_link(self, data: st.DataObject, refused: bool) -> None:
        living = sorted(self.auto & self.plane.links.keys())
        if living:
            end = terminus(kind=0 if refused else 1)
            self.send(LinkEstablished(data.draw(st.sampled_from(living)), end, end))

    @rule(data=st.data())
    def end_auto_link(self, data: st.DataObject) -> None:
        living = sorted(self.auto & self.plane.links.keys())
        if living:
            link = data.draw(st.sampled_from(living))
            self.plane.lose_link(link)
            self.send(LinkDetached(link, True, "amqp:not-found", ""))

    @rule()
    def let_time_pass(self) -> None:
        names, self.plane.timers = sorted(self.plane.timers), set()
        for name in names:
            self.send(events.TimerFired(name))

    # --- links

    @rule(
        target=links,
        connection=connections,
        outgoing=st.booleans(),
        address=st.sampled_from((None, *ADDRESSES)),
        dynamic=st.booleans(),
    )
    def attach(self, connection: int, outgoing: bool, address: str | None, dynamic: bool) -> Any:
        source = terminus(address if outgoing else None, dynamic=dynamic and outgoing)
        target = terminus(None if outgoing else address, kind=2, dynamic=dynamic and not outgoing)
        return self._attach(connection, outgoing, source, target)

    @rule(
        target=links,
        connection=connections,
        outgoing=st.booleans(),
        capability=st.sampled_from(("qd.router", "qd.router-data")),
    )
    def attach_router_link(self, connection: int, outgoing: bool, capability: str) -> Any:
        both = terminus(capability=capability)
        return self._attach(connection, outgoing, both, both)

    def _attach(self, connection: int, outgoing: bool, source: Any, target: Any) -> Any:
        if connection not in self.living:
            return multiple()
        link = self._next()
        self.plane.links[link] = connection
        self.send(attached(connection, link, outgoing=outgoing, source=source, target=target))
        return link

    @rule(link=consumes(links))
    def detach(self, link: int) -> None:
        if link in self.plane.links:
            self.plane.lose_link(link)
        elif link not in self.plane.refused:
            return
        self.send(LinkDetached(link, True, "", ""))

    # --- adaptors and watches

    @rule(target=bound, address=st.sampled_from(MOBILE))
    def bind(self, address: str) -> int:
        link = self._next()
        self.plane.links[link] = ADAPTOR
        self.send(events.ConsumerBound(address, link))
        return link

    @rule(link=consumes(bound))
    def unbind(self, link: int) -> None:
        self.send(events.ConsumerUnbound(link))
        self.plane.lose_link(link)

    @rule(address=st.sampled_from(MOBILE))
    def watch(self, address: str) -> None:
        self.watches[address] += 1
        self.send(events.WatchAdded(address))

    @rule(address=st.sampled_from(MOBILE))
    def unwatch(self, address: str) -> None:
        if self.watches[address]:
            self.watches[address] -= 1
            self.send(events.WatchRemoved(address))

    # --- the mesh

    @rule(index=st.sampled_from(sorted(ROUTERS)))
    def know(self, index: int) -> None:
        if index not in self.told:
            self.told[index] = set()
            self.plane.routers.add(index)
            self.send(events.RouterKnown(index, ROUTERS[index]))

    @rule(index=st.sampled_from(sorted(ROUTERS)))
    def forget(self, index: int) -> None:
        if self.told.pop(index, None) is not None:
            self.send(events.RouterForgotten(index))

    @rule(
        index=st.sampled_from(sorted(ROUTERS)),
        added=st.sets(st.sampled_from(MOBILE)),
        removed=st.sets(st.sampled_from(MOBILE)),
        hint=st.sampled_from((None, 1, 2, 3)),
    )
    def hear(self, index: int, added: set[str], removed: set[str], hint: int | None) -> None:
        if index not in self.told:
            return
        self.told[index] = (self.told[index] - removed) | added
        remote = tuple(events.RemoteAddress("M" + name, hint) for name in sorted(added))
        gone = tuple("M" + name for name in sorted(removed - added))
        self.send(events.RemoteAddressesChanged(index, remote, gone))

    @rule(index=st.sampled_from(sorted(ROUTERS)))
    def flush(self, index: int) -> None:
        if index in self.told:
            self.told[index] = set()
            self.send(events.RemoteAddressesFlushed(index))

    # --- what always holds

    @invariant()
    def entries_are_those_of_the_table(self) -> None:
        assert set(self.plane.entries) == set(self.core.table.addresses)
        for key, address in self.core.table.addresses.items():
            entry = self.plane.entries[key]
            assert entry.treatment is address.treatment
            assert entry.users == address.consumers | address.producers
            assert entry.endpoints == address.endpoints

    @invariant()
    def entries_lead_to_the_routers_that_have_told_of_them(self) -> None:
        for key, entry in self.plane.entries.items():
            if key[0] == "M":
                expected = {index for index, names in self.told.items() if key[1:] in names}
            elif key == "Tflood":
                expected = set(self.told)
            else:
                expected = {index for index in self.told if key == "R" + ROUTERS[index]}
            assert set(entry.routers) == expected, key

    @invariant()
    def others_know_the_shared_addresses_with_consumers(self) -> None:
        consumed = {key for key, address in self.core.table.addresses.items() if address.consumers}
        assert self.plane.told == {"Mshared"} | {key for key in consumed if key[0] in "MHN"}

    @invariant()
    def senders_have_credit_where_there_is_a_destination(self) -> None:
        for address in self.core.table.addresses.values():
            assert all(self.plane.withheld[link] != address.has_destination for link in address.producers)

    @invariant()
    def each_auto_link_that_is_there_is_known_and_no_other(self) -> None:
        known = {handle for handle, link in self.core.links.by_handle.items() if link.purpose}
        assert known & self.auto == self.auto & self.plane.links.keys()

    @invariant()
    def neighbors_have_both_control_links(self) -> None:
        assert self.plane.up == set(self.plane.neighbors) == set(self.core.connections.neighbors)
        for connection in self.core.connections.neighbors.values():
            assert set(connection.control) == {False, True}
            assert all(link in self.plane.links for link in connection.control.values())

    @invariant()
    def of_each_connector_the_newest_ready_connection_serves(self) -> None:
        for slot, handle in self.plane.neighbors.items():
            connection = self.core.connections.neighbors[slot]
            assert connection.facts.connection == handle
            assert connection.slot == slot
            if connection.may_replace:
                relatives = [
                    other
                    for other in self.core.connections.by_handle.values()
                    if other.may_replace and other.family == connection.family and other is not connection
                ]
                ready = [other for other in relatives if len(other.control) == 2]
                assert all(other.facts.ordinal < connection.facts.ordinal for other in ready)

    @invariant()
    def streams_take_the_data_connections_of_the_same_age(self) -> None:
        for slot, neighbor in self.core.connections.neighbors.items():
            expected = {
                handle
                for handle, other in self.core.connections.by_handle.items()
                if other.facts.role == "inter-router-data" and other.group == neighbor.group
            }
            assert {handle for of, handle in self.plane.data if of == slot} == expected

    def teardown(self) -> None:
        for connection in sorted(self.living):
            self.plane.lose_connection(connection)
            self.send(events.ConnectionDown(connection))
        for config in AUTO_LINKS:
            self.send(events.AutoLinkRemoved(config.name))
        self.let_time_pass()
        for index in sorted(self.told):
            self.send(events.RouterForgotten(index))
        for link in [link for link, owner in self.plane.links.items() if owner == ADAPTOR]:
            self.send(events.ConsumerUnbound(link))
            self.plane.lose_link(link)
        for address, count in self.watches.items():
            for _ in range(count):
                self.send(events.WatchRemoved(address))
        self._assert_empty()

    def _assert_empty(self) -> None:
        assert set(self.plane.entries) == set(self.core.table.addresses) == PERMANENT
        assert self.plane.links == self.core.links.by_handle == self.core.connections.by_handle == {}
        assert self.core.connections.neighbors == self.core.routers == {}
        assert self.plane.told == {"Mshared"}
        assert all(entry.routers == () for entry in self.plane.entries.values())


TestConsistency = Consistency.TestCase
TestConsistency.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
