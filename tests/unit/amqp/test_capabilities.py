"""Open arguments are those of real routers, octet for octet, and a peer's are understood."""

import pytest
from skrouter.amqp import capabilities as c
from skrouter.amqp import codec
from skrouter.amqp.capabilities import FailoverServer, OfferedCapabilities, OpenProperties
from skrouter.amqp.errors import DecodeError
from skrouter.amqp.types import Array, Described, Int, Symbol, ULong
from skrouter_testing import captures
from skrouter_testing.captures import CapturedFrame

OPENS = [frame for frame in captures.frames("open") if "properties=" in frame.text[0]]


def fields(frame: CapturedFrame) -> list[object]:
    """Fields of an open."""
    value, _ = codec.decode(frame.octets, 8)
    assert isinstance(value, Described)
    assert isinstance(value.value, list)
    return value.value


@pytest.mark.parametrize("frame", OPENS, ids=lambda frame: frame.source)
def test_a_real_open_is_understood_and_built_again(frame: CapturedFrame) -> None:
    inter_edge = frame.source.startswith("08-inter-edge.txt")
    offered, desired, properties = fields(frame)[7:10]
    symbols = c.decode_symbols(offered, "offered-capabilities")
    expected = c.capability_symbols(inter_edge=inter_edge)
    assert c.decode_symbols(desired, "desired-capabilities") == symbols == expected
    assert c.offered_capabilities(symbols) == OfferedCapabilities(True, True, inter_edge)
    understood = c.open_properties(properties)
    ours = c.encode_capabilities(expected)
    assert frame.octets.endswith(ours + ours + c.encode_properties(understood))


def test_the_real_opens_cover_both_sides_and_data_connections() -> None:
    understood = [c.open_properties(fields(frame)[9]) for frame in OPENS]
    assert any(p.data_connection for p in understood)
    assert any(p.access_id for p in understood)
    assert any(p.correlator and not p.data_connection for p in understood)


FULL = OpenProperties(
    product="skupper-router",
    version="1.0",
    connection_id=7,
    inter_router_cost=5,
    data_connection=True,
    correlator="123456789012345",
    ordinal=3,
    access_id="abcde:1",
    annotations_version=2,
    failover=(FailoverServer("a", "5671", "amqps", "a.example"), FailoverServer("b", "5672")),
)


def test_all_properties_are_there_in_the_reference_s_order_and_types() -> None:
    built = c.properties_map(FULL, {"mine": "x"})
    assert list(built) == [
        "product",
        "version",
        "qd.conn-id",
        "qd.inter-router-cost",
        "qd.inter-router-role",
        "qd.group-correlator",
        "qd.group-ordinal",
        "qd.access-id",
        "qd.annotations-version",
        "failover-server-list",
        "mine",
    ]
    assert all(isinstance(key, Symbol) for key in built)
    assert {key: type(value) for key, value in built.items() if isinstance(value, int)} == {
        "qd.conn-id": Int,
        "qd.inter-router-cost": Int,
        "qd.inter-router-role": Int,
        "qd.group-ordinal": ULong,
        "qd.annotations-version": Int,
    }
    assert built[Symbol("failover-server-list")] == [
        {"network-host": "a", "port": "5671", "scheme": "amqps", "hostname": "a.example"},
        {"network-host": "b", "port": "5672"},
    ]


def test_full_properties_are_understood_again() -> None:
    assert c.open_properties(codec.decode_one(c.encode_properties(FULL))) == FULL


@pytest.mark.parametrize(
    ("properties", "key"),
    [
        (OpenProperties(inter_router_cost=1), "qd.inter-router-cost"),
        (OpenProperties(ordinal=3), "qd.group-ordinal"),
        (OpenProperties(), "product"),
        (OpenProperties(), "failover-server-list"),
    ],
)
def test_defaults_and_an_ordinal_without_correlator_are_left_out(
    properties: OpenProperties, key: str
) -> None:
    assert Symbol(key) not in c.properties_map(properties)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, OpenProperties()),
        ({}, OpenProperties()),
        ({Symbol("product"): "x", "version": "seen by nobody", Symbol("qd.conn-id"): 1}, OpenProperties("x")),
        ({Symbol("qd.inter-router-cost"): "5"}, OpenProperties()),
        ({Symbol("qd.inter-router-cost"): True}, OpenProperties()),
        ({Symbol("qd.inter-router-cost"): Int(-4)}, OpenProperties()),
        ({Symbol("qd.inter-router-role"): Int(1)}, OpenProperties()),
        ({Symbol("qd.group-correlator"): "x" * 16}, OpenProperties()),
        ({Symbol("qd.group-correlator"): ""}, OpenProperties()),
        ({Symbol("failover-server-list"): "x"}, OpenProperties()),
        ({Symbol("failover-server-list"): ["x", {"port": "1"}]}, OpenProperties()),
    ],
)
def test_odd_properties_of_a_peer_mean_little(value: object, expected: OpenProperties) -> None:
    assert c.open_properties(value) == expected


@pytest.mark.parametrize("value", [[], "x", 5])
def test_properties_that_are_no_map_are_refused(value: object) -> None:
    with pytest.raises(DecodeError, match=r"open.properties must be a map"):
        c.open_properties(value)


def test_inter_edge_adds_its_capability_last() -> None:
    assert c.capability_symbols(inter_edge=True)[-1] == "qd.router-inter-edge"
    assert c.offered_capabilities(c.capability_symbols(inter_edge=True)).inter_edge


@pytest.mark.parametrize(
    ("value", "symbols"),
    [(None, ()), (Symbol("a"), ("a",)), (Array(0xA3, (Symbol("a"), Symbol("b"))), ("a", "b"))],
)
def test_a_field_of_many_symbols_may_hold_none_one_or_an_array(
    value: object, symbols: tuple[str, ...]
) -> None:
    assert c.decode_symbols(value, "capabilities") == symbols


@pytest.mark.parametrize("value", ["a", 5, [Symbol("a")], Array(0xA1, ("a",))])
def test_capabilities_that_are_no_symbols_are_refused(value: object) -> None:
    with pytest.raises(DecodeError, match="capabilities must hold symbols") as caught:
        c.decode_symbols(value, "capabilities")
    assert caught.value.condition == "amqp:invalid-field"
