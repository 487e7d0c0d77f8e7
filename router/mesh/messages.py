"""The protocol's messages as values: HELLO, RA, LSU, LSR, MAU, MAR (spec: routing protocol, message bodies).

Belongs here: fields, addresses, bodies and their validation. Does not: octets (wire.py), what is done about a
message (engine.py).

Two programs of the reference write these messages, in two styles. HELLO, RA, LSU and LSR (version 1) have
string keys; MAU and MAR (version 2) have symbol keys and long numbers. Bodies here are plain: wire.py adds
the style on the way out, and either style is accepted on the way in.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

AREA: Final = "0"
EVERY_ROUTER: Final = "all"
"""The target of messages that every router of the area gets."""
LINK_STATE_VERSION: Final = 1
MOBILE_VERSION: Final = 2
MAX_COST: Final = 0x7FFFFFFF
MAX_NUMBER: Final = 0x7FFFFFFFFFFFFFFF

Body = dict[str, object]


class MessageError(ValueError):
    """A protocol message whose opcode or body is not what the protocol allows; the text says where."""


@dataclass(frozen=True, slots=True)
class AddressDescriptor:
    """One mobile address of a router: hash key (`Mfoo`) and what others must know to send to it.

    `treatment` is 0 multicast-flood, 1 multicast-once, 2 closest, 3 balanced, 4 unavailable, None if not
    told. `mesh_id` is set only if all its destinations are in one edge mesh.
    """

    key: str
    treatment: int | None = None
    in_links: int = 0
    capacity: int | None = None
    mesh_id: str | None = None


@dataclass(frozen=True, slots=True)
class Hello:
    """To every neighbor: who I am and whom I hear."""

    router_id: str
    instance: int
    seen: tuple[str, ...] = ()
    version: int = LINK_STATE_VERSION


@dataclass(frozen=True, slots=True)
class RouterAdvertisement:
    """To all routers: the sequence numbers of my link state and of my mobile addresses."""

    router_id: str
    instance: int
    ls_seq: int
    mobile_seq: int
    version: int = LINK_STATE_VERSION


@dataclass(frozen=True, slots=True)
class LinkStateRequest:
    """To `target`: tell me your link state."""

    router_id: str
    target: str = ""
    version: int = LINK_STATE_VERSION


@dataclass(frozen=True, slots=True)
class LinkStateUpdate:
    """To `target` or EVERY_ROUTER: my neighbors and the cost of the connection to each, as of `ls_seq`."""

    router_id: str
    instance: int
    ls_seq: int
    peers: Mapping[str, int]
    target: str = ""
    version: int = LINK_STATE_VERSION


@dataclass(frozen=True, slots=True)
class MobileAddressDifference:
    """To all routers (MAU with add and del): the step from `mobile_seq` − 1 to `mobile_seq`."""

    router_id: str
    mobile_seq: int
    added: tuple[AddressDescriptor, ...]
    removed: tuple[str, ...]
    version: int = MOBILE_VERSION


@dataclass(frozen=True, slots=True)
class MobileAddressList:
    """To `target` (MAU with exist): all my mobile addresses as of `mobile_seq`."""

    router_id: str
    mobile_seq: int
    addresses: tuple[AddressDescriptor, ...]
    target: str = ""
    version: int = MOBILE_VERSION


@dataclass(frozen=True, slots=True)
class MobileAddressRequest:
    """To `target` (MAR): tell me your mobile addresses; I have those of `have_seq`."""

    router_id: str
    have_seq: int
    target: str = ""
    version: int = MOBILE_VERSION


@dataclass(frozen=True, slots=True)
class UnsupportedMessage:
    """A message of a later protocol version than ours: only its sender is understood."""

    router_id: str
    opcode: str
    version: int


MobileAddressUpdate = MobileAddressDifference | MobileAddressList
RoutedMessage = (
    RouterAdvertisement | LinkStateRequest | LinkStateUpdate | MobileAddressUpdate | MobileAddressRequest
)
KnownMessage = Hello | RoutedMessage
MeshMessage = KnownMessage | UnsupportedMessage


# --- writing --------------------------------------------------------------------------------------------


def to_message(message: KnownMessage) -> tuple[str, str, Body]:
    """The `to` address, the opcode and the plain body (keys in the order of the wire)."""
    body: Body = {"id": message.router_id, "pv": message.version, "area": AREA}
    match message:
        case Hello():
            body |= {"instance": message.instance, "seen": list(message.seen)}
            return "amqp:/_local/qdhello", "HELLO", body
        case RouterAdvertisement():
            body |= {"instance": message.instance, "ls_seq": message.ls_seq, "mobile_seq": message.mobile_seq}
            return f"amqp:/_topo/0/{EVERY_ROUTER}/qdrouter", "RA", body
        case LinkStateRequest():
            return f"amqp:/_topo/0/{message.target}/qdrouter", "LSR", body
        case LinkStateUpdate():
            body |= {"instance": message.instance, "ls_seq": message.ls_seq, "ls": _link_state(message)}
            return f"amqp:/_topo/0/{message.target}/qdrouter", "LSU", body
        case MobileAddressDifference():
            body |= {"mobile_seq": message.mobile_seq, "add": _descriptors(message.added)}
            body["del"] = [[key] for key in message.removed]
            return f"_topo/0/{EVERY_ROUTER}/qdrouter.ma", "MAU", body
        case MobileAddressList():
            body |= {"mobile_seq": message.mobile_seq, "exist": _descriptors(message.addresses)}
            return f"amqp:/_topo/0/{message.target}/qdrouter.ma", "MAU", body
        case MobileAddressRequest():
            return f"amqp:/_topo/0/{message.target}/qdrouter.ma", "MAR", body | {"have_seq": message.have_seq}


def _link_state(message: LinkStateUpdate) -> Body:
    return {"id": message.router_id, "area": AREA, "ls_seq": message.ls_seq, "peers": dict(message.peers)}


def _descriptors(addresses: tuple[AddressDescriptor, ...]) -> list[object]:
    return [_descriptor(address) for address in addresses]


def _descriptor(address: AddressDescriptor) -> list[object]:
    fields: list[object] = [address.key, address.treatment, address.in_links]
    if address.mesh_id is not None:
        fields += [address.capacity, address.mesh_id]
    return fields


# --- reading --------------------------------------------------------------------------------------------


def from_message(opcode: str, body: object) -> MeshMessage:
    """The message of a plain body; `target` stays empty. MessageError for anything the protocol forbids."""
    reader = _READERS.get(opcode)
    if reader is None:
        raise MessageError(f"opcode {opcode!r} is none of {', '.join(_READERS)}; the message is ignored")
    fields = _Fields(opcode, body)
    router_id = fields.text("id")
    version = fields.number("pv", default=0)
    if version > (MOBILE_VERSION if opcode in _MOBILE else LINK_STATE_VERSION):
        return UnsupportedMessage(router_id, opcode, version)
    if (area := fields.text("area")) != AREA:
        raise fields.wrong("area", area, f"the only area, {AREA!r}")
    return reader(fields, router_id, version)


class _Fields:
    """A body's values, each checked when it is taken."""

    def __init__(self, place: str, body: object) -> None:
        if not isinstance(body, dict):
            raise MessageError(f"{place} body is {body!r}, must be a map; the message is ignored")
        self.place = place
        self.body: dict[object, object] = body

    def wrong(self, key: str, value: object, allowed: str) -> MessageError:
        return MessageError(
            f"{self.place} field {key} is {value!r}, must be {allowed}; the message is ignored"
        )

    def text(self, key: str) -> str:
        value = self.body.get(key)
        if not isinstance(value, str) or not value:
            raise self.wrong(key, value, "a string that is not empty")
        return str(value)

    def number(self, key: str, default: int | None = None) -> int:
        return self.checked_number(key, self.body.get(key, default), 0, MAX_NUMBER)

    def checked_number(self, key: str, value: object, low: int, high: int) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.wrong(key, value, f"an integer from {low} to {high}")
        return int(value)

    def items(self, key: str) -> list[object]:
        value = self.body.get(key)
        if not isinstance(value, list):
            raise self.wrong(key, value, "a list")
        return value

    def ids(self, key: str) -> tuple[str, ...]:
        items = self.items(key)
        names = tuple(str(item) for item in items if isinstance(item, str) and item)
        if len(names) != len(items):
            raise self.wrong(key, items, "a list of router ids")
        return names

    def descriptors(self, key: str) -> tuple[AddressDescriptor, ...]:
        return tuple(self._descriptor(key, item) for item in self.items(key))

    def _descriptor(self, key: str, item: object) -> AddressDescriptor:
        # Version 1 wrote the bare hash key where version 2 has a list that begins with it.
        fields = item if isinstance(item, list) else [item]
        padded = [*fields[:5], *[None] * (5 - len(fields))]
        name, treatment, in_links, capacity, mesh_id = padded
        if not isinstance(name, str) or not name:
            raise self.wrong(key, item, "address descriptors that begin with a hash key")
        if mesh_id is not None and not isinstance(mesh_id, str):
            raise self.wrong(key, item, "address descriptors whose fifth element is a mesh id or null")
        return AddressDescriptor(
            str(name),
            None if treatment is None else self.checked_number(key, treatment, 0, 4),
            0 if in_links is None else self.checked_number(key, in_links, 0, MAX_NUMBER),
            None if capacity is None else self.checked_number(key, capacity, 0, MAX_NUMBER),
            None if mesh_id is None else str(mesh_id),
        )


def _read_hello(fields: _Fields, router_id: str, version: int) -> Hello:
    return Hello(router_id, fields.number("instance", 0), fields.ids("seen"), version)


def _read_advertisement(fields: _Fields, router_id: str, version: int) -> RouterAdvertisement:
    instance = fields.number("instance", 0)
    return RouterAdvertisement(
        router_id, instance, fields.number("ls_seq"), fields.number("mobile_seq"), version
    )


def _read_link_state_request(_fields: _Fields, router_id: str, version: int) -> LinkStateRequest:
    return LinkStateRequest(router_id, version=version)


def _read_link_state_update(fields: _Fields, router_id: str, version: int) -> LinkStateUpdate:
    state = _Fields("LSU link state", fields.body.get("ls"))
    if (owner := state.text("id")) != router_id:
        raise state.wrong("id", owner, f"the sender's id, {router_id!r}")
    peers = state.body.get("peers")
    if not isinstance(peers, dict):
        raise state.wrong("peers", peers, "a map from router id to cost")
    checked: dict[str, int] = {}
    for peer, cost in peers.items():
        if not isinstance(peer, str) or not peer:
            raise state.wrong("peers", peers, "a map whose keys are router ids")
        checked[str(peer)] = state.checked_number("peers", cost, 1, MAX_COST)
    return LinkStateUpdate(
        router_id, fields.number("instance", 0), state.number("ls_seq"), checked, version=version
    )


def _read_mobile_update(fields: _Fields, router_id: str, version: int) -> MobileAddressUpdate:
    sequence = fields.number("mobile_seq")
    if "exist" in fields.body:
        return MobileAddressList(router_id, sequence, fields.descriptors("exist"), version=version)
    removed = tuple(address.key for address in fields.descriptors("del"))
    return MobileAddressDifference(router_id, sequence, fields.descriptors("add"), removed, version)


def _read_mobile_request(fields: _Fields, router_id: str, version: int) -> MobileAddressRequest:
    return MobileAddressRequest(router_id, fields.number("have_seq"), version=version)


_READERS: Final[dict[str, Callable[[_Fields, str, int], MeshMessage]]] = {
    "HELLO": _read_hello,
    "RA": _read_advertisement,
    "LSR": _read_link_state_request,
    "LSU": _read_link_state_update,
    "MAU": _read_mobile_update,
    "MAR": _read_mobile_request,
}
_MOBILE: Final = frozenset({"MAU", "MAR"})
