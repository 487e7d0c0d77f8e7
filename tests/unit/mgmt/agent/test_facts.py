"""Facts and the schema agree, attribute by attribute."""

import dataclasses

import pytest
from skrouter.config.schema import load_schema
from skrouter.mgmt.agent.entities.catalog import CORE, GENERAL
from skrouter.mgmt.agent.naming import long_name, snake_case
from skrouter.mgmt.agent.settings import ListenerFacts, TcpConnectorFacts, facts_from
from skrouter_testing.fake_router import KINDS

SCHEMA = load_schema()

NOT_PRODUCED = {
    ("logStats", "noticeCount"),
    ("router.address", "containerCount"),
}
"""In the schema, and produced by no router."""

DERIVED = {"name", "identity"}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_attribute_of_the_schema_is_a_fact(kind: str) -> None:
    fields = {item.name for item in dataclasses.fields(KINDS[kind])} | {
        name for name, item in vars(KINDS[kind]).items() if isinstance(item, property)
    }
    for name in SCHEMA.entity_type(kind).attributes:
        if name not in DERIVED and (kind, name) not in NOT_PRODUCED:
            assert snake_case(name) in fields, name


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_defaults_of_facts_are_those_of_the_schema(kind: str) -> None:
    attributes = {snake_case(name): item for name, item in SCHEMA.entity_type(kind).attributes.items()}
    for item in dataclasses.fields(KINDS[kind]):
        attribute = attributes.get(item.name)
        if attribute is None or attribute.status or attribute.default is None:
            continue
        assert item.default == attribute.default, item.name


def test_every_type_with_entities_has_facts() -> None:
    served = {entity.type_name for entity in CORE.values()} | set(GENERAL)
    assert served - {"management"} == set(KINDS)


@pytest.mark.parametrize("kind", sorted(GENERAL))
def test_general_types_are_in_the_schema(kind: str) -> None:
    assert SCHEMA.entity_type(kind).long_name == long_name(kind)


def test_facts_are_made_from_attributes_of_a_file() -> None:
    made = facts_from(ListenerFacts, {"host": "h", "sslProfile": "p", "linkCapacity": None, "bogus": 1})
    assert made == ListenerFacts(host="h", ssl_profile="p")


def test_observed_facts_win_over_attributes() -> None:
    made = facts_from(TcpConnectorFacts, {"address": "a", "port": "1"}, connections_opened=4)
    assert made == TcpConnectorFacts("a", "1", connections_opened=4)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("timestampsInUTC", "timestamps_in_utc"),
        ("deliveriesDelayed10Sec", "deliveries_delayed10_sec"),
        ("sslProto", "ssl_proto"),
        ("id", "id"),
    ],
)
def test_names_become_snake_case(name: str, expected: str) -> None:
    assert snake_case(name) == expected
