"""Management requests and answers as messages, and the node that sends one and waits for the other. Pure.

A `Transport` carries the messages: `net.py` on a connection, tests on a dictionary.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from skrouter.amqp.codec import COMPACT
from skrouter.amqp.errors import DecodeError
from skrouter.amqp.message import Message, Properties, decode_message, encode_message
from skrouter.amqp.types import Array, Described, Long, Opaque, SizedInt
from skrouter.mgmt.client.errors import AnswerError, ManagementError, refusal

__all__ = ["ManagementError", "Node", "Rows", "Transport", "node_address"]

MANAGEMENT = "$management"
"""The agent of the router that the client is connected to."""

PAGE_SIZE = 500
"""Rows asked for at a time."""

_SELF = {"name": "self", "type": "org.amqp.management"}


class Transport(Protocol):
    """Carries messages to a router and back."""

    @property
    def reply_to(self) -> str:
        """Where answers to this client go."""

    def send(self, address: str, content: bytes) -> None:
        """Send one encoded message to the address."""

    def receive(self) -> bytes:
        """Wait for the next encoded message at `reply_to`; raises when none comes in time."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The answer to a QUERY: names, and for each entity the values in the same order."""

    names: Sequence[str]
    rows: Sequence[Sequence[Any]]

    def maps(self) -> list[dict[str, Any]]:
        """Each entity as a map without its null attributes."""
        return [
            {name: value for name, value in zip(self.names, row, strict=False) if value is not None}
            for row in self.rows
        ]


def node_address(router: str | None = None, edge_router: str | None = None) -> str:
    """The address of the agent of an interior router, of an edge router, or of the router connected to."""
    if router is not None:
        return f"_topo/0/{router}/{MANAGEMENT}"
    return MANAGEMENT if edge_router is None else f"_edge/{edge_router}/{MANAGEMENT}"


class Node:
    """A management node as its client sees it. One request at a time.

    Every method raises the `ManagementError` of the answer's code, AnswerError if the answer makes no sense,
    and whatever the transport raises.
    """

    def __init__(self, transport: Transport, address: str = MANAGEMENT) -> None:
        """Ask the agent at `address` through `transport`."""
        self._transport = transport
        self._address = address
        self._asked = 0

    @property
    def address(self) -> str:
        """Where requests go."""
        return self._address

    def at(self, address: str) -> "Node":
        """The node at another address, reached through the same transport."""
        other = Node(self._transport, address)
        other._asked = self._asked + _GAP
        return other

    def call(self, operation: str, body: object = None, **properties: Any) -> Any:
        """Any operation; properties that are None are left out. The answer's body, in plain Python types."""
        self._asked += 1
        correlation_id = str(self._asked)
        named = {key: value for key, value in properties.items() if value is not None}
        # The order is that of the reference's tools.
        ordered: dict[str, Any] = {key: named.pop(key) for key in ("name", "type") if key in named}
        content = encode_request(
            {**ordered, "operation": operation, **named}, body, self._transport.reply_to, correlation_id
        )
        self._transport.send(self._address, content)
        while True:
            answer = decode_answer(self._transport.receive())
            if str(answer.correlation_id) == correlation_id:
                return answer.result()

    def ask(self, operation: str, body: object = None, **properties: Any) -> Any:
        """An operation of the node itself."""
        return self.call(operation, {} if body is None else body, **{**_SELF, **properties})

    def query(
        self,
        entity_type: str | None = None,
        attribute_names: Sequence[str] = (),
        offset: int = 0,
        count: int | None = None,
    ) -> Rows:
        """Entities of a type, or of all; `count` limits their number. Fetched in pages."""
        page = self._page(entity_type, attribute_names, offset, _next_page(count, 0))
        rows = list(page.rows)
        while len(page.rows) == _next_page(count, len(rows) - len(page.rows)) and (
            wanted := _next_page(count, len(rows))
        ):
            following = self._page(entity_type, attribute_names, offset + len(rows), wanted)
            if following.rows == page.rows:
                break  # an agent that pays no heed to the offset would repeat itself for ever
            page = following
            rows += page.rows
        return Rows(page.names, rows if count is None else rows[:count])

    def _page(self, entity_type: str | None, names: Sequence[str], offset: int, count: int) -> Rows:
        body = self.ask(
            "QUERY",
            {"attributeNames": list(names)},
            entityType=entity_type,
            offset=Long(offset),
            count=Long(count),
        )
        match body:
            case {"attributeNames": [*found], "results": [*rows]} if all(
                isinstance(row, list) for row in rows
            ):
                return Rows([str(name) for name in found], rows)
        raise AnswerError(f"the answer to QUERY has no attributeNames and results: {body!r}")

    def create(
        self, attributes: Mapping[str, Any], entity_type: str | None, name: str | None
    ) -> dict[str, Any]:
        """Make an entity; its attributes."""
        return _map(self.call("CREATE", dict(attributes), type=entity_type, name=name))

    def read(self, entity_type: str | None, name: str | None, identity: str | None) -> dict[str, Any]:
        """An entity's attributes."""
        return _map(self.call("READ", {}, type=entity_type, name=name, identity=identity))

    def update(
        self, attributes: Mapping[str, Any], entity_type: str | None, name: str | None, identity: str | None
    ) -> dict[str, Any]:
        """Change an entity; its attributes."""
        return _map(self.call("UPDATE", dict(attributes), type=entity_type, name=name, identity=identity))

    def delete(self, entity_type: str | None, name: str | None, identity: str | None) -> None:
        """Remove an entity."""
        self.call("DELETE", {}, type=entity_type, name=name, identity=identity)

    def management_nodes(self) -> list[str]:
        """Addresses of the agents of all interior routers."""
        found = self.ask("GET-MGMT-NODES")
        if not isinstance(found, list):
            raise AnswerError(f"the answer to GET-MGMT-NODES is no list: {found!r}")
        return [str(address) for address in found]


_GAP = 1 << 32
"""Distance of correlation-ids of two nodes on one transport, so that a late answer never fits the other."""


def _next_page(count: int | None, fetched: int) -> int:
    return PAGE_SIZE if count is None else max(min(PAGE_SIZE, count - fetched), 0)


def _map(body: object) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise AnswerError(f"the answer has no map of attributes: {body!r}")
    return body


def encode_request(properties: Mapping[str, Any], body: object, reply_to: str, correlation_id: str) -> bytes:
    """A request as the reference's tools write it."""
    message = Message(
        properties=Properties(reply_to=reply_to, correlation_id=correlation_id),
        application_properties=properties,
        body=body,
    )
    return encode_message(message, COMPACT)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, decoded."""

    code: int
    description: str
    correlation_id: object
    body: Any

    def result(self) -> Any:
        """The body of a success; otherwise raises the error of the code."""
        if 200 <= self.code < 300:
            return self.body
        raise refusal(self.code, self.description)


def decode_answer(content: bytes) -> Answer:
    """The answer in an encoded message; AnswerError if it is none."""
    try:
        message = decode_message(content)
    except DecodeError as error:
        raise AnswerError(f"the answer cannot be read: {error}") from error
    found = message.application_properties or {}
    code = found.get("statusCode")
    if isinstance(code, bool) or not isinstance(code, int):
        raise AnswerError(f"the answer has no statusCode but {dict(found)!r}")
    correlation_id = None if message.properties is None else message.properties.correlation_id
    return Answer(int(code), str(found.get("statusDescription") or ""), correlation_id, plain(message.body))


def plain(value: object) -> object:
    """The value without AMQP types: for JSON, tables and comparisons."""
    match value:
        case SizedInt():
            return int(value)
        case str():
            return str(value)
        case dict():
            return {plain(key): plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case bytes():
            return value.decode("utf-8", "replace")
        case Array():
            return plain(value.values)
        case Described():
            return plain(value.value)
        case Opaque() | UUID():
            return str(value)
    return value
