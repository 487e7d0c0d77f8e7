"""What the agent knows of an entity type: columns and operations of core types, naming rules of the others.

The reference has two agents, and clients can tell which one answers: core types have columns of their own in
an order of their own and typed numbers; for the others the schema gives the columns, numbers are plain
integers, and every operation goes by the schema.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from skrouter.mgmt.agent.naming import long_name, snake_case
from skrouter.mgmt.agent.status import Status
from skrouter.mgmt.agent.view import RouterView

Value = Callable[[Any], object]
"""One attribute of a row, from the row's facts."""


@dataclass(frozen=True, slots=True)
class Column:
    """One attribute of a core type: its name, and its value ready to be encoded."""

    name: str
    value: Value


def column(name: str, wire: Callable[[Any], object] | None = None) -> Column:
    """The column for the fact of the same name, written as the AMQP type `wire`; None stays null."""
    fact = attrgetter(snake_case(name))
    if wire is None:
        return Column(name, fact)
    return Column(name, lambda facts: None if (value := fact(facts)) is None else wire(value))


def columns(names: str, wire: Callable[[Any], object] | None = None) -> tuple[Column, ...]:
    """Columns for blank-separated names."""
    return tuple(column(name, wire) for name in names.split())


def constant(name: str, value: object) -> Column:
    """A column that is the same in every row."""
    return Column(name, lambda _: value)


Permission = Callable[[Any, Mapping[str, Any]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class CoreEntity:
    """A type answered as the reference's core agent does.

    `refused` maps an operation to the code of its refusal; what it does not list is supported. `permit` turns
    a row's facts and an UPDATE's body into changes.
    """

    type_name: str
    columns: tuple[Column, ...]
    facts: Callable[[RouterView], Iterable[Any]]
    identity: Callable[[Any], str]
    name: Callable[[Any], str | None]
    refused: Mapping[str, Status] = field(default_factory=dict)
    found_by_name: bool = True
    permit: Permission | None = None

    @property
    def long_name(self) -> str:
        """The name by which requests reach the core agent."""
        return long_name(self.type_name)

    def row(self, facts: object) -> dict[str, object]:
        """All attributes in the agent's order."""
        return {item.name: item.value(facts) for item in self.columns}


@dataclass(frozen=True, slots=True)
class GeneralEntity:
    """A type answered by way of the schema.

    `identifier` is what follows `<type>/` in the default name and in the identity. `computed` overrides
    single attributes, by schema name.
    """

    type_name: str
    facts: Callable[[RouterView], Iterable[Any]]
    identifier: Callable[[Any], str]
    computed: Mapping[str, Value] = field(default_factory=dict)
    named_identifier: bool = False

    def default_name(self, facts: object) -> str:
        """`<type>/<identifier>`."""
        return f"{self.type_name}/{self.identifier(facts)}"

    def name(self, facts: object) -> str | None:
        """The name given, else the default; None for an address or auto-link that has none."""
        if "name" in self.computed:
            found = self.computed["name"](facts)
            return None if found is None else str(found)
        return getattr(facts, "name", None) or self.default_name(facts)

    def identity(self, facts: object) -> str:
        """`<type>/<identifier>`, followed by `:<name>` for types whose identifiers need not be unique."""
        default = self.default_name(facts)
        name = self.name(facts)
        return f"{default}:{name}" if self.named_identifier and name != default else default

    def attribute(self, facts: object, name: str) -> object:
        """One attribute by its schema name; null if this router does not produce it."""
        if name in self.computed:
            return self.computed[name](facts)
        match name:
            case "type":
                return long_name(self.type_name)
            case "name":
                return self.name(facts)
            case "identity":
                return self.identity(facts)
        return plain(getattr(facts, snake_case(name), None))


def plain(value: object) -> object:
    """Tuples as lists and mappings as dicts, so that the codec writes AMQP lists and maps."""
    match value:
        case tuple() | list():
            return [plain(item) for item in value]
        case Mapping():
            return {key: plain(item) for key, item in value.items()}
    return value
