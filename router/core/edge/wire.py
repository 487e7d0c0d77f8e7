"""What edge routers and interior routers tell each other in messages: three kinds, built and understood."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from skrouter.amqp.errors import DecodeError
from skrouter.amqp.message import CONTROL_HEADER, BodyKind, Message, decode_message, encode_message
from skrouter.amqp.types import Long, Symbol

CONTROL_PREFIX: Final = "_$qd."
"""Addresses that only routers use, each with the router next to it: others never hear of them."""
DISCOVERY: Final = "_$qd.mesh_discovery"
"""Where an edge router tells its interior router which edge mesh it is in."""
TRACKING: Final = "_$qd.edge_addr_tracking"
"""Whence an edge router hears which of its addresses are reachable."""
NEGOTIATION: Final = "_$qd.mesh_id_negotiation"
"""Where two edge routers agree on the id of their mesh."""

MESH_ID_LIMIT: Final = 15
"""Octets; longer ones are no mesh id."""

_MESH_ID: Final = Symbol("meshid")
_ORDINAL: Final = Symbol("ordinal")
_ID: Final = Symbol("id")


def _properties(values: Mapping[str, object]) -> bytes:
    return encode_message(Message(body_kind=BodyKind.NONE, application_properties=values))


def announcement(mesh: str) -> bytes:
    """This edge router is in `mesh`."""
    return _properties({_MESH_ID: mesh})


def negotiation(ordinal: int, mesh: str) -> bytes:
    """The id proposed for the mesh; the lowest ordinal wins."""
    return _properties({_ORDINAL: Long(ordinal), _ID: mesh})


def reachability(key: str, reachable: bool) -> bytes:
    """Whether a message for the address of this key would go anywhere."""
    return encode_message(Message(body=[key, reachable], header=CONTROL_HEADER))


def _property(content: bytes, name: str) -> object:
    values = decode_message(content).application_properties or {}
    if name not in values:
        raise DecodeError(f"there is no application property {name}")
    return values[name]


def _mesh_id(content: bytes, name: str) -> str:
    mesh = _property(content, name)
    if not isinstance(mesh, str) or not 0 < len(mesh.encode()) <= MESH_ID_LIMIT:
        raise DecodeError(f"{name} is no string of 1 to {MESH_ID_LIMIT} octets")
    return mesh


def read_announcement(content: bytes) -> str:
    """The mesh id; DecodeError."""
    return _mesh_id(content, _MESH_ID)


def read_negotiation(content: bytes) -> tuple[int, str]:
    """Ordinal and mesh id; DecodeError."""
    ordinal = _property(content, _ORDINAL)
    if not isinstance(ordinal, int) or isinstance(ordinal, bool):
        raise DecodeError("ordinal is no number")
    return int(ordinal), _mesh_id(content, _ID)


def read_reachability(content: bytes) -> tuple[str, bool]:
    """Key and reachability; DecodeError."""
    match decode_message(content).body:
        case [str(key), bool(reachable)] if key:
            return key, reachable
    raise DecodeError("the body is no list of an address key and a boolean")
