"""QUERY, READ, CREATE, UPDATE and DELETE of all types through the schema, as the reference's second agent.

Rows are plain values; `offset` and `count` of a QUERY have no effect here, and rows of core types appear only
where the reference keeps them as configuration too.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from skrouter.config.schema import EntityType, Schema
from skrouter.mgmt.agent.creation import (
    changed_attributes,
    new_attributes,
    refuse_second_singleton,
    wanted_type,
)
from skrouter.mgmt.agent.entities.catalog import GENERAL
from skrouter.mgmt.agent.entities.entity import GeneralEntity
from skrouter.mgmt.agent.naming import long_name
from skrouter.mgmt.agent.node import NodeOperations, attribute_names
from skrouter.mgmt.agent.request import Request, bare
from skrouter.mgmt.agent.status import (
    BadRequestError,
    InternalError,
    NotFoundError,
    Status,
    UnsupportedError,
)
from skrouter.mgmt.agent.view import RouterControl, RouterView


@dataclass(frozen=True, slots=True)
class Row:
    """One entity with its facts."""

    entity: GeneralEntity
    facts: object

    @property
    def name(self) -> str | None:
        """Its name."""
        return self.entity.name(self.facts)

    @property
    def identity(self) -> str:
        """Its identity."""
        return self.entity.identity(self.facts)

    def value(self, attribute: str) -> object:
        """One attribute; null if it has none of this name."""
        return self.entity.attribute(self.facts, attribute)


@dataclass(frozen=True, slots=True)
class GeneralAgent:
    """Answers by the schema, whatever the core agent does not take."""

    view: RouterView
    schema: Schema
    control: RouterControl | None
    node: NodeOperations

    def answer(self, request: Request) -> tuple[Status, object]:
        """Status and body; ManagementError for a refusal."""
        operation = request.operation.upper().replace("_", "-")
        if operation == "CREATE":
            return Status.CREATED, self._create(request)
        row = self._target(request)
        entity_type = self.schema.entity_type(row.entity.type_name)
        if operation == "READ":
            return Status.OK, self._attributes(row, entity_type)
        if row.entity.type_name == "management":
            return Status.OK, self._ask_node(operation, request, entity_type)
        if operation == "UPDATE" and operation in entity_type.operations:
            return Status.OK, self._update(row, entity_type, request)
        if operation == "DELETE" and operation in entity_type.operations:
            self._controlled(operation, entity_type).delete(entity_type.short_name, row.identity)
            return Status.NO_CONTENT, {}
        raise _unsupported(operation, entity_type)

    def query(self, request: Request) -> dict[str, object]:
        """The rows of a type, or of all types, without those that have none of the attributes asked for."""
        entity_type = None if request.entity_type is None else self.schema.entity_type(request.entity_type)
        if not isinstance(request.body, Mapping):
            raise InternalError(
                f"AttributeError: '{type(bare(request.body)).__name__}' object has no attribute 'get'"
            )
        names = self._names(entity_type, request.body.get("attributeNames"))
        rows = ([row.value(name) for name in names] for row in self._rows(entity_type))
        return {
            "attributeNames": names,
            "results": [row for row in rows if any(value is not None for value in row)],
        }

    def _names(self, entity_type: EntityType | None, asked: object) -> list[str]:
        known = _all_names(self.schema) if entity_type is None else attribute_names(entity_type)
        if not asked:
            return known
        if not isinstance(asked, list) or not all(isinstance(name, str) for name in asked):
            raise BadRequestError(f"attributeNames must be a list of strings, not {bare(asked)!r}")
        if unknown := [name for name in asked if name not in known]:
            about = "" if entity_type is None else f" for type {entity_type.long_name}"
            raise NotFoundError(f"Unknown attributes {bare(unknown)}{about}.")
        return asked

    def _ask_node(self, operation: str, request: Request, entity_type: EntityType) -> object:
        if operation == "QUERY":
            return self.query(request)
        if (answer := self.node.operation(operation)) is None:
            raise _unsupported(operation, entity_type)
        return answer(request)

    def _rows(self, entity_type: EntityType | None) -> Iterator[Row]:
        """Entities of the type or of one that extends it."""
        for entity in GENERAL.values():
            if entity_type is None or self._extends(entity.type_name, entity_type.long_name):
                if entity_type is not None and entity_type.short_name.startswith("router.config."):
                    continue  # asked for by name, these belong to the core agent
                for facts in entity.facts(self.view):
                    yield Row(entity, facts)

    def _extends(self, name: str, base: str) -> bool:
        entity_type = self.schema.entity_type(name)
        return base in (entity_type.long_name, *entity_type.bases)

    def _target(self, request: Request) -> Row:
        """The entity that the request names; the node itself if a node request names none."""
        if request.type is not None:
            self.schema.entity_type(request.type)
        if request.is_for_node:
            return Row(GENERAL["management"], None)
        if not request.names_entity:
            raise BadRequestError(f"{request.type}: No name or identity provided")
        row = _only(list(self._named(request)), request)
        if request.type is not None and not self._extends(row.entity.type_name, long_name(request.type)):
            raise BadRequestError(
                f"Entity type '{long_name(row.entity.type_name)}' does not extend "
                f"requested type '{long_name(request.type)}'"
            )
        return row

    def _named(self, request: Request) -> Iterable[Row]:
        """Entities that the name and identity fit, those of the type asked for if there are any."""
        fitting = [
            row
            for row in self._rows(None)
            if (request.identity is None or row.identity == request.identity)
            and (request.name is None or row.name == request.name)
        ]
        if request.type is None or len(fitting) < 2:
            return fitting
        base = long_name(request.type)
        return [row for row in fitting if self._extends(row.entity.type_name, base)] or fitting

    def _attributes(self, row: Row, entity_type: EntityType) -> dict[str, object]:
        """What READ shows: attributes that are not null."""
        values = {name: row.value(name) for name in attribute_names(entity_type)}
        return {name: value for name, value in values.items() if value is not None}

    def _create(self, request: Request) -> dict[str, object]:
        entity_type = self.schema.entity_type(wanted_type(request))
        attributes = new_attributes(request)
        if "CREATE" not in entity_type.operations or entity_type.short_name not in GENERAL:
            refuse_second_singleton(entity_type, attributes, self._existing(entity_type))
            raise _unsupported("CREATE", entity_type)
        facts = self._controlled("CREATE", entity_type).create(entity_type.short_name, attributes)
        return self._attributes(Row(GENERAL[entity_type.short_name], facts), entity_type)

    def _existing(self, entity_type: EntityType) -> list[dict[str, object]]:
        return [self._attributes(row, entity_type) for row in self._rows(entity_type)]

    def _update(self, row: Row, entity_type: EntityType, request: Request) -> dict[str, object]:
        changes = changed_attributes(entity_type, request)
        control = self._controlled("UPDATE", entity_type)
        facts = control.update(entity_type.short_name, row.identity, changes)
        return self._attributes(Row(row.entity, facts), entity_type)

    def _controlled(self, operation: str, entity_type: EntityType) -> RouterControl:
        if self.control is None:
            raise _unsupported(operation, entity_type)
        return self.control


def _only(rows: list[Row], request: Request) -> Row:
    named = {"name": request.name, "identity": request.identity}
    text = ", ".join(f"{key}={value}" for key, value in named.items() if value is not None)
    if not rows:
        raise NotFoundError(f"No entity with {text}")
    if len(rows) > 1:
        raise InternalError(f"Duplicate ({len(rows)}) entities with {text}")
    return rows[0]


def _unsupported(operation: str, entity_type: EntityType) -> UnsupportedError:
    text = f"Operation '{operation}' not implemented for '{entity_type.long_name}'"
    return UnsupportedError(f"{text} {list(entity_type.operations)}")


def _all_names(schema: Schema) -> list[str]:
    """Attributes of all types, each once, in the order of the schema; the type last."""
    names = dict.fromkeys(name for one in schema.entity_types.values() for name in one.attributes)
    return [*names, "type"]
