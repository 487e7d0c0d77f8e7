"""Creating and updating one entity: the texts that management clients get (captures of the reference)."""

import pytest
from skrouter.config.configuration import Draft
from skrouter.config.entity import Entity
from skrouter.config.errors import ConfigError, Problem
from skrouter.config.model import (
    AddressConfig,
    AutoLinkConfig,
    EntityConfig,
    ListenerConfig,
    NetworkConfig,
    SslProfileConfig,
    TcpListenerConfig,
)
from skrouter.config.parser import parse
from skrouter.config.runtime import create_entity, update_entity
from skrouter.config.schema import load_schema

SCHEMA = load_schema()
FILE = """
router {
    mode: edge
    id: E
}
sslProfile {
    name: tls
    ordinal: 1
    caCertFile: ca.crt
}
tcpListener {
    name: lst
    host: 127.0.0.1
    port: 21504
    address: svc
}
address {
    name: mc-addr
    prefix: mc
}
"""


def _entities() -> tuple[Entity, ...]:
    draft = Draft(SCHEMA, "a.conf")
    draft.add_sections(parse(FILE, "a.conf").sections, str)
    draft.check()
    return draft.finish().entities


ENTITIES = _entities()


def named(name: str) -> Entity:
    return next(entity for entity in ENTITIES if entity.name == name)


def create(type_name: str, **attributes: object) -> EntityConfig:
    return create_entity(SCHEMA, type_name, attributes, ENTITIES)


def refused(type_name: str, **attributes: object) -> Problem:
    with pytest.raises(ConfigError) as caught:
        create(type_name, **attributes)
    [problem] = caught.value.problems
    return problem


def test_a_created_entity_has_defaults_name_and_identity() -> None:
    created = create("io.skupper.router.tcpListener", address="svc3", host="127.0.0.1", port=21507)
    assert isinstance(created, TcpListenerConfig)
    assert created.port == "21507"
    assert created.name == created.identity == "tcpListener/127.0.0.1:21507"
    assert created.entity.attributes == {
        "address": "svc3",
        "host": "127.0.0.1",
        "port": "21507",
        "identity": "tcpListener/127.0.0.1:21507",
        "backlog": 0,
        "multiAddressStrategy": "none",
        "authenticatePeer": False,
        "observer": "auto",
        "proxyProtocol": "none",
        "name": "tcpListener/127.0.0.1:21507",
    }


def test_a_created_entity_with_a_name_has_it_in_its_identity() -> None:
    created = create("tcpListener", name="lst2", address="svc2", host="127.0.0.1", port="21506")
    assert (created.name, created.identity) == ("lst2", "tcpListener/127.0.0.1:21506:lst2")


def test_null_and_type_are_as_if_not_given() -> None:
    created = create("listener", type="io.skupper.router.listener", port="1", sslProfile=None)
    assert isinstance(created, ListenerConfig)
    assert created.ssl_profile is None


def test_existing_profiles_are_found() -> None:
    created = create("listener", port="1", sslProfile="tls")
    assert isinstance(created, ListenerConfig)
    assert created.ssl_profile == "tls"


@pytest.mark.parametrize(
    ("type_name", "attributes", "status"),
    [
        ("nosuch", {}, "No such entity type 'io.skupper.router.nosuch'"),
        (
            "tcpListener",
            {"address": "a", "port": "1", "bogus": 1},
            "Unknown attribute 'bogus' for 'io.skupper.router.tcpListener'",
        ),
        (
            "tcpListener",
            {"address": "a", "port": "1", "observer": "bogus"},
            "io.skupper.router.tcpListener: "
            "Invalid value for enum['none', 'auto', 'http1', 'http2']: 'bogus'",
        ),
        ("tcpListener", {"address": "a"}, "CError: Python: KeyError: ('port',)"),
        (
            "tcpListener",
            {"port": "1"},
            "CError: Configuration: Exactly one of the 'address' or 'multiAddressStrategy' field must be set",
        ),
        ("tcpConnector", {"port": "1"}, "CError: Configuration: Address must be set"),
        (
            "tcpListener",
            {"address": "a", "port": "1", "bytesIn": 1},
            "Cannot set attribute 'bytesIn' in CREATE",
        ),
        ("listener", {"port": "1", "sslProfile": "x"}, "CError: Configuration: sslProfile 'x' not found"),
        (
            "router.config.address",
            {"prefix": "mc"},
            "Address pattern 'mc/#' is already configured at line 17",
        ),
        (
            "router.config.address",
            {"prefix": "x", "name": "mc-addr"},
            "Name conflicts with an existing entity",
        ),
        ("router.config.autoLink", {"address": "a"}, "direction field is mandatory"),
        ("router.config.autoLink", {"address": "a", "direction": "up"}, "Invalid value for 'direction'"),
        (
            "router.config.autoLink",
            {"direction": "out"},
            "address field is only optional if direction is incoming",
        ),
        (
            "network",
            {},
            "Operation 'CREATE' not implemented for 'io.skupper.router.network' ['UPDATE', 'READ']",
        ),
        ("connection", {}, "Operation 'CREATE' not implemented for 'io.skupper.router.connection' ['READ']"),
    ],
)
def test_a_refusal_is_in_the_words_of_the_reference(
    type_name: str, attributes: dict[str, object], status: str
) -> None:
    assert refused_status(type_name, attributes) == status


def refused_status(type_name: str, attributes: dict[str, object]) -> str:
    with pytest.raises(ConfigError) as caught:
        create_entity(SCHEMA, type_name, attributes, ENTITIES)
    return caught.value.problems[0].status


def test_a_role_that_the_mode_forbids_and_a_bad_cost_are_refused() -> None:
    assert refused("listener", port="1", role="inter-router").status.startswith("role=")
    assert refused("listener", port="1", cost=0).status.startswith("CError: Configuration: Invalid cost")


def test_a_name_in_use_is_refused_with_both_entities() -> None:
    text = refused("tcpListener", name="lst", address="a", port="1").status
    assert text == (
        "adding TcpListenerEntity(address=a, authenticatePeer=False, backlog=0, host=, "
        "identity=tcpListener/:1:lst, multiAddressStrategy=none, name=lst, observer=auto, port=1, "
        "proxyProtocol=none, "
        "type=io.skupper.router.tcpListener) duplicates unique attribute 'name' from existing "
        "TcpListenerEntity(address=svc, authenticatePeer=False, backlog=0, host=127.0.0.1, "
        "identity=tcpListener/127.0.0.1:21504:lst, multiAddressStrategy=none, name=lst, observer=auto, "
        "port=21504, proxyProtocol=none, type=io.skupper.router.tcpListener)"
    )


def test_identity_cannot_be_chosen() -> None:
    status = refused_status("listener", {"port": "1", "identity": "x"})
    assert status.startswith("'identity' attribute cannot be specified")


def test_what_the_core_of_the_reference_passes_over_is_passed_over() -> None:
    created = create("router.config.address", prefix="x", distribution="bogus", what=1)
    assert isinstance(created, AddressConfig)
    assert (created.distribution, created.name) == ("balanced", None)
    link = create("router.config.autoLink", direction="in", connection="c")
    assert isinstance(link, AutoLinkConfig)
    assert link.address is None


def test_an_update_changes_what_may_change() -> None:
    updated = update_entity(named("lst"), {"observer": "none", "port": "21504"}, ENTITIES)
    assert isinstance(updated, TcpListenerConfig)
    assert (updated.observer, updated.port, updated.name) == ("none", "21504", "lst")
    assert updated.identity == named("lst").identity


@pytest.mark.parametrize(
    ("name", "changes", "status"),
    [
        ("lst", {"port": "1"}, "Cannot update attribute 'port' in UPDATE"),
        ("lst", {"bogus": "1"}, "Unknown attribute 'bogus' for 'io.skupper.router.tcpListener'"),
        (
            "lst",
            {"observer": "x"},
            "io.skupper.router.tcpListener: Invalid value for enum['none', 'auto', 'http1', 'http2']: 'x'",
        ),
        ("lst", {"identity": "x"}, "Cannot update attribute 'identity' in UPDATE"),
        (
            "tls",
            {"oldestValidOrdinal": 2},
            "CError: Configuration: ordinal must be >= oldestValidOrdinal (sslProfile 'tls')",
        ),
        (
            "tls",
            {"ordinal": 0, "oldestValidOrdinal": 1},
            "CError: Configuration: ordinal must be >= oldestValidOrdinal (sslProfile 'tls')",
        ),
        ("log/SERVER", {"enable": "x"}, None),
    ],
)
def test_an_update_is_refused_in_the_words_of_the_reference(
    name: str, changes: dict[str, object], status: str | None
) -> None:
    with pytest.raises(ConfigError) as caught:
        update_entity(named(name), changes, ENTITIES)
    [problem] = caught.value.problems
    expected = "CError: Configuration: 'x' is not a valid log level. Should be one of "
    assert problem.status == status if status else problem.status.startswith(expected)


def test_an_update_with_null_takes_a_value_away_and_identity_may_be_repeated() -> None:
    profile = named("tls")
    updated = update_entity(
        profile, {"caCertFile": None, "identity": profile.identity, "type": "x"}, ENTITIES
    )
    assert isinstance(updated, SslProfileConfig)
    assert (updated.ca_cert_file, updated.ordinal) == (None, 1)


def test_the_network_id_can_be_set_while_running() -> None:
    updated = update_entity(named("network/0"), {"networkId": "net-A"}, ENTITIES)
    assert isinstance(updated, NetworkConfig)
    assert updated.network_id == "net-A"
