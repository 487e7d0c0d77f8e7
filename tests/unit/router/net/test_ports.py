"""Records of AMQP connectors and listeners follow their control connections."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from skrouter.amqp.capabilities import OpenProperties
from skrouter.config.entity import Entity
from skrouter.config.resolve import resolve
from skrouter.config.schema import load_schema
from skrouter.router.core.facts import ConnectionFacts
from skrouter.router.net.errors import ListenError
from skrouter.router.net.ports import Ports
from skrouter.router.vanflow.attributes import Attribute, RecordType
from skrouter_testing.kept_records import KeptRecords
from skrouter_testing.playbook import connection_facts

TOLD = ("inter-router", "edge", "inter-edge")


def make(short_type: str, **given: str | int) -> Any:
    """The typed form of an entity with these camelCase attributes and the schema's defaults."""
    entity_type = load_schema().entity_types[short_type]
    values = {a.name: a.default for a in entity_type.attributes.values() if a.default is not None}
    return resolve(Entity(entity_type, {"identity": str(given["name"]), **values, **given}))


class Shell:
    """Opens and closes in name only; `refusal` is raised instead."""

    def __init__(self) -> None:
        self.access_ids: dict[str, str | None] = {}
        self.refusal: Exception | None = None

    def add_listener(self, config: Any, access_id: str | None = None) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.access_ids[config.name] = access_id

    def add_connector(self, _config: Any) -> None:
        if self.refusal is not None:
            raise self.refusal

    def remove_listener(self, _identity: str) -> None:
        pass

    remove_connector = remove_listener


class World:
    """Ports on that shell; `octets` by handle, of connections that are there."""

    def __init__(self) -> None:
        self.shell = Shell()
        self.records = KeptRecords()
        self.octets: dict[int, tuple[int, int]] = {}
        shell: Any = self.shell
        records: Any = self.records
        self.ports = Ports(shell, records, self.octets.__getitem__)

    def record(self, kind: RecordType) -> dict[str, Any]:
        (number,) = (number for number, its in self.records.kinds.items() if its is kind)
        return {name.log_name: value for name, value in self.records.attributes[number].items()}

    def up(self, handle: int, *, incoming: bool, role: str = "inter-router", **more: object) -> None:
        values = {"incoming": incoming, "role": role, "port_name": "one", **more}
        facts: ConnectionFacts = connection_facts(handle, **values)
        self.octets[handle] = (0, 0)
        self.ports.up(facts)

    def down(self, handle: int, condition: str = "", description: str = "") -> None:
        del self.octets[handle]
        self.ports.down(handle, condition, description)


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize("role", TOLD)
def test_h2_listeners_of_routers_have_a_record_that_their_peers_are_told(world: World, role: str) -> None:
    world.ports.add_listener(make("listener", name="one", role=role))
    assert world.record(RecordType.ROUTER_ACCESS) == {"name": "one", "role": role, "linkCount": 0}
    (number,) = world.records.kinds
    assert world.shell.access_ids == {"one": world.records.identity(number)}


@pytest.mark.parametrize("role", ["normal", "route-container", "inter-network"])
def test_h2_others_have_none(world: World, role: str) -> None:
    world.ports.add_listener(make("listener", name="one", role=role))
    world.ports.add_connector(make("connector", name="two", role=role))
    assert world.shell.access_ids == {"one": None}
    world.up(1, incoming=True, role=role)
    world.down(1)
    assert world.records.kinds == {}


def test_h2_what_cannot_be_opened_has_no_record(world: World) -> None:
    world.shell.refusal = ListenError("h:1", "in use")
    for add, kind in ((world.ports.add_listener, "listener"), (world.ports.add_connector, "connector")):
        with pytest.raises(ListenError):
            add(make(kind, name="one", role="edge"))
    assert world.records.kinds == {}


def test_h2_link_count_of_a_listener_is_that_of_control_connections(world: World) -> None:
    world.ports.add_listener(make("listener", name="one", role="inter-router"))
    world.up(1, incoming=True, tls_ordinal=4)
    world.up(2, incoming=True, role="inter-router-data")
    world.up(3, incoming=True, tls_ordinal=5)
    record = world.record(RecordType.ROUTER_ACCESS)
    assert (record["linkCount"], record["activeTlsOrdinal"]) == (2, 5)
    world.down(2)
    world.down(1)
    assert world.record(RecordType.ROUTER_ACCESS)["linkCount"] == 1


def test_h2_a_link_is_down_when_all_its_control_connections_are(world: World) -> None:
    """As while certificates are renewed: two of them for a moment."""
    world.ports.add_connector(make("connector", name="one", role="inter-router", cost=7))
    assert world.record(RecordType.LINK)["operStatus"] == "down"
    world.up(1, incoming=False, tls_ordinal=0, properties=OpenProperties(access_id="abcde:1"))
    world.up(2, incoming=False, role="inter-router-data")
    first = world.record(RecordType.LINK)
    assert (first["operStatus"], first["peer"], first["activeTlsOrdinal"]) == ("up", "abcde:1", 0)
    assert (first["linkCost"], first["downCount"]) == (7, 0)
    world.up(3, incoming=False, tls_ordinal=1)
    world.down(1)
    second = world.record(RecordType.LINK)
    assert second == {**first, "activeTlsOrdinal": 1}
    world.down(3, "amqp:connection:framing-error", "connection aborted")
    third = world.record(RecordType.LINK)
    assert third.pop("downTimeStamp") >= third["upTimeStamp"]
    assert third == {
        **second,
        "operStatus": "down",
        "downCount": 1,
        "result": "amqp:connection:framing-error",
        "reason": "connection aborted",
    }
    world.up(4, incoming=False)
    world.down(4)
    assert world.record(RecordType.LINK)["result"] == "unknown"
    assert world.record(RecordType.LINK)["downCount"] == 2


def test_h2_octets_of_a_link_are_those_of_all_its_connections_ever(world: World) -> None:
    world.ports.add_connector(make("connector", name="one", role="edge"))
    world.up(1, incoming=False, role="edge")
    world.up(2, incoming=False, role="inter-router-data")
    world.octets.update({1: (10, 1), 2: (200, 2)})
    world.ports.poll()
    world.down(1)
    world.octets[2] = (300, 3)
    world.ports.poll()
    record = world.record(RecordType.LINK)
    assert (record["octets"], record["octetsReverse"]) == (4, 310)
    del world.octets[2]
    world.ports.poll()
    assert world.record(RecordType.LINK) == record, "what is gone, and not told yet, keeps its count"


def test_h2_a_record_ends_with_its_entity_and_a_new_one_is_another(world: World) -> None:
    config = make("connector", name="one", role="edge")
    world.ports.add_connector(config)
    world.up(1, incoming=False, role="edge")
    world.ports.remove_connector(config)
    world.ports.add_connector(replace(config, cost=3))
    world.down(1)
    assert world.records.ended == [1]
    assert world.records.attributes[2][Attribute.DOWN_COUNT] == 0
    listener = make("listener", name="one", role="edge")
    world.ports.add_listener(listener)
    world.ports.remove_listener(listener)
    assert world.records.ended == [1, 3]
