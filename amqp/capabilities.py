"""Connection and link capabilities, and the properties of an open, with their meaning.

Belongs here: names, and open arguments built and understood. Does not: when a connection gets which role.
Source: spec/routing-protocol.md §1, §2; order and types as in real opens.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from skrouter.amqp import codec, conditions
from skrouter.amqp.errors import DecodeError, shown
from skrouter.amqp.types import Array, Int, Symbol, ULong

# Capabilities of a connection
ANONYMOUS_RELAY: Final = Symbol("ANONYMOUS-RELAY")
STREAMING_LINKS: Final = Symbol("qd.streaming-links")
CONNECTION_TRUNKING: Final = Symbol("qd.connection_trunking")
INTER_EDGE: Final = Symbol("qd.router-inter-edge")

# Capabilities of a terminus: they give a link its type
ROUTER_CONTROL: Final = Symbol("qd.router")
ROUTER_DATA: Final = Symbol("qd.router-data")
EDGE_DOWNLINK: Final = Symbol("qd.router-edge-downlink")
STREAMING_DELIVERIES: Final = Symbol("qd.streaming-deliveries")
RESEND_RELEASED: Final = Symbol("qd.resend-released")

# Keys of the open's properties
PRODUCT: Final = Symbol("product")
VERSION: Final = Symbol("version")
CONNECTION_ID: Final = Symbol("qd.conn-id")
INTER_ROUTER_COST: Final = Symbol("qd.inter-router-cost")
INTER_ROUTER_ROLE: Final = Symbol("qd.inter-router-role")
GROUP_CORRELATOR: Final = Symbol("qd.group-correlator")
GROUP_ORDINAL: Final = Symbol("qd.group-ordinal")
ACCESS_ID: Final = Symbol("qd.access-id")
ANNOTATIONS_VERSION: Final = Symbol("qd.annotations-version")
FAILOVER_LIST: Final = Symbol("failover-server-list")

PRODUCT_NAME: Final = "skupper-router"
"""What peers and tools look for; part of the wire promise, so not this project's name."""

ROLE_INTER_ROUTER_DATA: Final = 4
"""The one role that is sent on the wire (include/qpid/dispatch/protocol_adaptor.h)."""

MAX_CORRELATOR: Final = 15

_SYMBOL_32: Final = 0xB3


@dataclass(frozen=True, slots=True)
class FailoverServer:
    """A place to reconnect to; every field is sent as a string."""

    host: str
    port: str
    scheme: str | None = None
    hostname: str | None = None


@dataclass(frozen=True, slots=True)
class OpenProperties:
    """The properties of an open; None or default: the key is absent."""

    product: str | None = None
    version: str | None = None
    connection_id: int | None = None
    inter_router_cost: int = 1
    data_connection: bool = False
    """Connector side of an inter-router data connection."""
    correlator: str | None = None
    ordinal: int | None = None
    """TLS ordinal of the connector; only with a correlator."""
    access_id: str | None = None
    annotations_version: int | None = None
    failover: tuple[FailoverServer, ...] = ()
    """Empty list and no list are the same."""


@dataclass(frozen=True, slots=True)
class OfferedCapabilities:
    """What the peer's offered list says; its desired list is not looked at."""

    streaming_links: bool = False
    connection_trunking: bool = False
    inter_edge: bool = False


def capability_symbols(*, inter_edge: bool = False) -> tuple[Symbol, ...]:
    """Offered and desired capabilities of our open, in order."""
    common = (ANONYMOUS_RELAY, STREAMING_LINKS, CONNECTION_TRUNKING)
    return (*common, INTER_EDGE) if inter_edge else common


def encode_capabilities(symbols: tuple[Symbol, ...]) -> bytes:
    """The AMQP array of an open or a terminus, elements sym32 as the engine writes them."""
    return codec.encode(Array(_SYMBOL_32, symbols))


def offered_capabilities(symbols: tuple[str, ...]) -> OfferedCapabilities:
    """What a peer's offered capabilities mean for us; unknown ones are ignored."""
    return OfferedCapabilities(
        STREAMING_LINKS in symbols, CONNECTION_TRUNKING in symbols, INTER_EDGE in symbols
    )


def decode_symbols(value: object, name: str) -> tuple[str, ...]:
    """A field of multiple symbols: absent, one symbol, or an array (AMQP 1.0 §1.4)."""
    values = () if value is None else value.values if isinstance(value, Array) else (value,)
    for symbol in values:
        if not isinstance(symbol, Symbol):
            raise DecodeError(f"{name} must hold symbols, not {shown(symbol)}", conditions.INVALID_FIELD)
    return tuple(str(symbol) for symbol in values)


def properties_map(
    properties: OpenProperties, configured: Mapping[str, object] | None = None
) -> dict[Symbol, object]:
    """The open's properties in the reference's order; `configured`: the user's openProperties, last."""
    known: list[tuple[Symbol, object]] = [
        (PRODUCT, properties.product),
        (VERSION, properties.version),
        (CONNECTION_ID, _as(Int, properties.connection_id)),
        (INTER_ROUTER_COST, Int(properties.inter_router_cost) if properties.inter_router_cost > 1 else None),
        (INTER_ROUTER_ROLE, Int(ROLE_INTER_ROUTER_DATA) if properties.data_connection else None),
        (GROUP_CORRELATOR, properties.correlator),
        (GROUP_ORDINAL, _as(ULong, properties.ordinal) if properties.correlator else None),
        (ACCESS_ID, properties.access_id),
        (ANNOTATIONS_VERSION, _as(Int, properties.annotations_version)),
        (FAILOVER_LIST, [_failover_map(server) for server in properties.failover] or None),
    ]
    result = {key: value for key, value in known if value is not None}
    result.update((Symbol(key), value) for key, value in (configured or {}).items())
    return result


def encode_properties(properties: OpenProperties, configured: Mapping[str, object] | None = None) -> bytes:
    """`properties_map` as octets, as the engine writes them."""
    return codec.encode(properties_map(properties, configured), codec.COMPACT)


def _as(cls: type[Int] | type[ULong], value: int | None) -> object:
    return None if value is None else cls(value)


def _failover_map(server: FailoverServer) -> dict[Symbol, str]:
    texts = {
        "network-host": server.host,
        "port": server.port,
        "scheme": server.scheme,
        "hostname": server.hostname,
    }
    return {Symbol(key): text for key, text in texts.items() if text is not None}


def open_properties(value: object) -> OpenProperties:
    """What a peer's properties map means. Reading stops at the first key that is no symbol.

    A known key with a value of another type is ignored, as the reference does. A DecodeError if it is no map.
    """
    if value is None:
        return OpenProperties()
    if not isinstance(value, dict):
        raise DecodeError(f"open.properties must be a map, not {shown(value)}", conditions.INVALID_FIELD)
    known: dict[str, object] = {}
    for key, item in value.items():
        if not isinstance(key, Symbol):
            break
        known[key] = item
    cost = _number(known.get(INTER_ROUTER_COST))
    return OpenProperties(
        product=_text(known.get(PRODUCT)),
        version=_text(known.get(VERSION)),
        connection_id=_number(known.get(CONNECTION_ID)),
        inter_router_cost=cost if cost is not None and cost > 1 else 1,
        data_connection=_number(known.get(INTER_ROUTER_ROLE)) == ROLE_INTER_ROUTER_DATA,
        correlator=_correlator(known.get(GROUP_CORRELATOR)),
        ordinal=_number(known.get(GROUP_ORDINAL)),
        access_id=_text(known.get(ACCESS_ID)),
        annotations_version=_number(known.get(ANNOTATIONS_VERSION)),
        failover=_failover_servers(known.get(FAILOVER_LIST)),
    )


def _text(value: object) -> str | None:
    return str(value) if isinstance(value, str) else None


def _number(value: object) -> int | None:
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _correlator(value: object) -> str | None:
    text = _text(value)
    return text if text and len(text) <= MAX_CORRELATOR else None


def _failover_servers(value: object) -> tuple[FailoverServer, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(server for item in value if (server := _failover_server(item)) is not None)


def _failover_server(value: object) -> FailoverServer | None:
    if not isinstance(value, dict):
        return None
    host, port = _text(value.get("network-host")), _text(value.get("port"))
    if host is None or port is None:
        return None
    return FailoverServer(host, port, _text(value.get("scheme")), _text(value.get("hostname")))
