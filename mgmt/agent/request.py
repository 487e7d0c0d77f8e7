"""A management request as the agent sees it. Whether it makes sense is judged elsewhere."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from skrouter.amqp.message import Message
from skrouter.amqp.types import SizedInt
from skrouter.mgmt.agent.naming import MANAGEMENT_TYPE, short_name
from skrouter.mgmt.agent.status import BadRequestError

_DECIMAL = re.compile(r"-?[0-9]{1,18}")

UNLIMITED = -1
"""A `count` that means all rows."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request: its application properties, the body, and the message for error texts."""

    properties: Mapping[str, Any]
    body: object
    message: Message

    @property
    def operation(self) -> str:
        """The operation's name as it was sent; BadRequestError if there is none."""
        operation = self.properties.get("operation")
        if not operation:
            raise BadRequestError(f"No 'operation' property: {self._described()}")
        return self._text("operation") or ""

    @property
    def name(self) -> str | None:
        """The name of the entity meant."""
        return self._text("name")

    @property
    def identity(self) -> str | None:
        """The identity of the entity meant."""
        return self._text("identity")

    @property
    def type(self) -> str | None:
        """The type of the entity meant, short or long."""
        return self._text("type")

    @property
    def entity_type(self) -> str | None:
        """What a node operation asks about, short or long."""
        return self._text("entityType")

    @property
    def names_entity(self) -> bool:
        """Whether name or identity is there."""
        return self.name is not None or self.identity is not None

    @property
    def is_for_node(self) -> bool:
        """Whether it asks the management node itself."""
        kind = short_name(self.type or MANAGEMENT_TYPE)
        return kind in (MANAGEMENT_TYPE, "management") and (not self.names_entity or self.name == "self")

    def integer(self, key: str, default: int) -> int:
        """An integer property; BadRequestError for something else."""
        value = self.properties.get(key)
        if value is None:
            return default
        if isinstance(value, str) and _DECIMAL.fullmatch(value):
            return int(value)  # skmanage sends what it was given: `get-log limit=3`
        if isinstance(value, bool) or not isinstance(value, int):
            raise BadRequestError(f"'{key}' must be an integer, not {bare(value)!r}")
        return int(value)

    def body_map(self) -> Mapping[str, Any] | None:
        """The body if it is a map with string keys."""
        if isinstance(self.body, Mapping) and all(isinstance(key, str) for key in self.body):
            return self.body
        return None

    def _text(self, key: str) -> str | None:
        value = self.properties.get(key)
        if value is None or isinstance(value, str):
            return None if value is None else str(value)
        raise BadRequestError(f"'{key}' must be a string, not {bare(value)!r}")

    def _described(self) -> str:
        """The message in the reference's words, so that the sender recognizes it."""
        found = self.message.properties
        return (
            f"Message(address={found and found.to!r}, properties={bare(self.properties)!r}, "
            f"body={bare(self.body)!r}, reply_to={found and found.reply_to!r}, "
            f"correlation_id={bare(found and found.correlation_id)!r}, "
            f"content_type={found and found.content_type!r})"
        )


def bare(value: object) -> object:
    """The value without AMQP types, as plain Python shows it."""
    match value:
        case bool() | None:
            return value
        case SizedInt():
            return int(value)
        case str():
            return str(value)
        case Mapping():
            return {bare(key): bare(item) for key, item in value.items()}
        case list() | tuple():
            return [bare(item) for item in value]
    return value
