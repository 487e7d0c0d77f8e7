"""Our opens against captured octets; facts from a peer's open."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from skrouter.amqp import codec
from skrouter.amqp.capabilities import FailoverServer
from skrouter.amqp.errors import DecodeError
from skrouter.amqp.events import ConnectionOpened, TlsFacts
from skrouter.amqp.sasl.effects import Identity
from skrouter.amqp.types import Int, Symbol, ULong
from skrouter.config.loader import load
from skrouter.config.model import ConnectorConfig, ListenerConfig
from skrouter.router.net.opening import Group, Ours, connection_facts, our_open, peer_open

ROUTER = "router {\n id: A\n mode: interior\n}\n"
VERSION = "3.0.0+e2ec51a4"
CAPABILITIES = bytes.fromhex(
    "e04503b30000000f414e4f4e594d4f55532d52454c41590000001271642e73747265616d696e672d6c696e6b730000001671642e63"
    "6f6e6e656374696f6e5f7472756e6b696e67"
)
CONTROL = bytes.fromhex(
    "c1810aa30770726f64756374a10e736b75707065722d726f75746572a30776657273696f6ea10e332e302e302b6532656335316134"
    "a30a71642e636f6e6e2d69645403a31371642e67726f75702d636f7272656c61746f72a10f6b384564395976436b485159597862"
    "a31671642e616e6e6f746174696f6e732d76657273696f6e5402"
)
LISTENER = bytes.fromhex(
    "c1720aa30770726f64756374a10e736b75707065722d726f75746572a30776657273696f6ea10e332e302e302b6532656335316134"
    "a30a71642e636f6e6e2d69645405a30c71642e6163636573732d6964a107495951412b3a31a31671642e616e6e6f746174696f6e73"
    "2d76657273696f6e5402"
)


def listener(directory: Path, text: str = "") -> ListenerConfig:
    path = directory / "l.conf"
    path.write_text(f"{ROUTER}listener {{\n host: h\n port: 1\n{text}\n}}\n")
    return load(path).listeners[0]


def connector(directory: Path, text: str = "") -> ConnectorConfig:
    path = directory / "c.conf"
    path.write_text(f"{ROUTER}connector {{\n name: c\n port: 1\n{text}\n}}\n")
    return load(path).connectors[0]


def incoming(port: ListenerConfig, number: int = 1, access_id: str | None = None) -> Ours:
    return Ours(100, number, port, True, "peer:1", "here:1", access_id=access_id)


def outgoing(port: ConnectorConfig, *, data: bool = False, group: Group | None = None) -> Ours:
    return Ours(100, 3, port, False, "127.0.0.1:1", "here:1", data, group)


def opened(properties: dict[Symbol, object] | None = None) -> ConnectionOpened:
    encoded = codec.encode(properties) if properties is not None else b""
    return ConnectionOpened(100, "B", "name", 32768, 10, 4000, CAPABILITIES, b"", encoded)


def sent(octets: bytes) -> dict[str, object]:
    value = codec.decode_one(octets)
    assert isinstance(value, dict)
    return {str(key): item for key, item in value.items()}


def test_b21_a_control_connection_opens_as_captured(tmp_path: Path) -> None:
    ours = outgoing(connector(tmp_path, " role: inter-router"), group=Group("k8Ed9YvCkHQYYxb", None))
    arguments = our_open(ours, VERSION)
    assert (arguments.offered, arguments.desired, arguments.properties) == (
        CAPABILITIES,
        CAPABILITIES,
        CONTROL,
    )


def test_an_inter_router_listener_opens_as_captured(tmp_path: Path) -> None:
    ours = incoming(listener(tmp_path, " role: inter-router"), 5, "IYQA+:1")
    assert our_open(ours, VERSION).properties == LISTENER


def test_b21_clients_see_product_version_and_number_only(tmp_path: Path) -> None:
    properties = sent(our_open(incoming(listener(tmp_path), access_id="x:1"), VERSION).properties)
    assert properties == {"product": "skupper-router", "version": VERSION, "qd.conn-id": 1}


def test_b21_a_data_connection_of_a_tls_connector_says_role_group_and_ordinal(tmp_path: Path) -> None:
    ours = outgoing(
        connector(tmp_path, " role: inter-router\n cost: 7"), data=True, group=Group("correlator", 12)
    )
    properties = sent(our_open(ours, VERSION).properties)
    assert list(properties)[3:] == [
        "qd.inter-router-cost",
        "qd.inter-router-role",
        "qd.group-correlator",
        "qd.group-ordinal",
        "qd.annotations-version",
    ]
    assert (properties["qd.inter-router-cost"], properties["qd.inter-router-role"]) == (7, 4)
    assert properties["qd.group-ordinal"] == 12


@pytest.mark.parametrize(
    ("role", "version", "inter_edge"),
    [
        ("inter-router", True, False),
        ("edge", True, False),
        ("inter-edge", False, True),
        ("normal", False, False),
        ("route-container", False, False),
    ],
)
def test_b2_the_role_decides_about_version_and_capabilities(
    tmp_path: Path, role: str, version: bool, inter_edge: bool
) -> None:
    arguments = our_open(incoming(listener(tmp_path, f" role: {role}")), VERSION)
    assert ("qd.annotations-version" in sent(arguments.properties)) is version
    assert (b"qd.router-inter-edge" in arguments.offered) is inter_edge


def test_b17_configured_properties_and_failover_come_last(tmp_path: Path) -> None:
    text = ' failoverUrls: amqps://other:99, third\n openProperties: {\n "a": 1\n }'
    properties = sent(our_open(incoming(listener(tmp_path, text)), VERSION).properties)
    assert list(properties)[3:] == ["failover-server-list", "a"]
    assert properties["failover-server-list"] == [
        {"network-host": "other", "port": "99", "scheme": "amqps"},
        {"network-host": "third", "port": "5672"},
    ]


@pytest.mark.parametrize(
    ("configured", "claims_data", "role"),
    [
        ("inter-router", False, "inter-router"),
        ("inter-router", True, "inter-router-data"),
        ("edge", True, "edge"),
        ("normal", True, "normal"),
    ],
)
def test_only_an_inter_router_listener_believes_in_data_connections(
    tmp_path: Path, configured: str, claims_data: bool, role: str
) -> None:
    event = opened({Symbol("qd.inter-router-role"): Int(4)} if claims_data else None)
    ours = incoming(listener(tmp_path, f" role: {configured}"))
    assert connection_facts(ours, event, peer_open(event), Identity(None, None), None).role == role


@pytest.mark.parametrize("data", [False, True])
def test_a_connector_knows_its_own_role(tmp_path: Path, data: bool) -> None:
    event = opened({Symbol("qd.inter-router-role"): Int(4)})
    ours = outgoing(connector(tmp_path, " role: inter-router"), data=data)
    facts = connection_facts(ours, event, peer_open(event), Identity(None, None), None)
    assert facts.role == ("inter-router-data" if data else "inter-router")


@pytest.mark.parametrize(
    ("role", "own", "peers", "cost"),
    [("inter-router", 3, 5, 5), ("inter-router", 5, 3, 5), ("edge", 1, 4, 4), ("normal", 1, 9, 1)],
)
def test_b1_the_greater_cost_counts_between_routers(
    tmp_path: Path, role: str, own: int, peers: int, cost: int
) -> None:
    event = opened({Symbol("qd.inter-router-cost"): Int(peers)})
    ours = incoming(listener(tmp_path, f" role: {role}\n cost: {own}"))
    assert connection_facts(ours, event, peer_open(event), Identity(None, None), None).cost == cost


def test_facts_hold_what_tls_sasl_and_the_open_say(tmp_path: Path) -> None:
    event = opened({Symbol("product"): "x", Symbol("own"): [1]})
    tls = TlsFacts("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256, "CN=x", None, None)
    ours = incoming(listener(tmp_path, " name: lis\n linkCapacity: 9\n stripAnnotations: in"))
    facts = connection_facts(ours, event, peer_open(event), Identity("PLAIN", "ann"), tls)
    assert (facts.connection, facts.number, facts.port_name) == (100, 1, "lis")
    assert (facts.user, facts.mechanism) == ("ann", "PLAIN")
    assert (facts.tls_protocol, facts.tls_cipher, facts.tls_bits) == (
        "TLSv1.3",
        "TLS_AES_256_GCM_SHA384",
        256,
    )
    assert (facts.container, facts.hostname, facts.max_frame_size) == ("B", "name", 32768)
    assert (facts.link_capacity, facts.strip_inbound, facts.strip_outbound) == (9, True, False)
    assert facts.property_map == {"product": "x", "own": [1]}
    assert facts.offered.streaming_links


TLS = TlsFacts("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256, "", "", b"")


@pytest.mark.parametrize(("announced", "expected"), [(None, 0), (0, 0), (4, 4)])
def test_the_peer_names_the_age_of_its_certificates_and_we_know_our_own(
    tmp_path: Path, announced: int | None, expected: int
) -> None:
    ours = replace(incoming(listener(tmp_path, " role: inter-router")), ordinal=7)
    named: dict[Symbol, object] = {Symbol("qd.group-correlator"): "g"}
    if announced is not None:
        named[Symbol("qd.group-ordinal")] = ULong(announced)
    event = opened(named)
    found = connection_facts(ours, event, peer_open(event), Identity(None, None), TLS)
    assert (found.ordinal, found.tls_ordinal) == (expected, 7)


@pytest.mark.parametrize("role", ["inter-router", "edge", "inter-edge", "normal"])
def test_a_connector_s_certificates_are_as_old_as_when_it_dialled(tmp_path: Path, role: str) -> None:
    ours = replace(outgoing(connector(tmp_path, f" role: {role}")), ordinal=7)
    event = opened({Symbol("qd.group-ordinal"): ULong(1)})
    found = connection_facts(ours, event, peer_open(event), Identity(None, None), TLS)
    assert (found.ordinal, found.tls_ordinal) == (7, 7)


def test_a_connection_without_tls_has_no_ordinal(tmp_path: Path) -> None:
    event = opened()
    ours = replace(incoming(listener(tmp_path)), ordinal=7)
    found = connection_facts(ours, event, peer_open(event), Identity(None, None), None)
    assert (found.ordinal, found.tls_ordinal) == (0, None)


def test_properties_of_another_type_are_refused() -> None:
    event = ConnectionOpened(1, "B", None, 0, 0, 0, b"", b"", codec.encode([1]))
    with pytest.raises(DecodeError, match=r"open\.properties"):
        peer_open(event)


def test_failover_servers_of_the_peer_are_understood() -> None:
    servers = [{Symbol("network-host"): "f", Symbol("port"): "7"}]
    event = opened({Symbol("failover-server-list"): servers})
    assert peer_open(event).properties.failover == (FailoverServer("f", "7"),)
