"""QUERY, CREATE, READ, UPDATE and DELETE of core types: typed columns, paging, the core agent's answers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol, runtime_checkable

from skrouter.mgmt.agent.creation import new_attributes
from skrouter.mgmt.agent.entities.catalog import CORE
from skrouter.mgmt.agent.entities.entity import Column, CoreEntity
from skrouter.mgmt.agent.request import UNLIMITED, Request
from skrouter.mgmt.agent.status import (
    BadRequestError,
    ForbiddenError,
    ManagementError,
    NotFoundError,
    Status,
    UnsupportedError,
)
from skrouter.mgmt.agent.view import RouterControl, RouterView

OPERATIONS = frozenset({"QUERY", "CREATE", "READ", "UPDATE", "DELETE"})
"""In upper case only: other spellings are left to the schema's way of answering, as in the reference."""

MAX_NAMED_COLUMNS = 63
"""A query that names more attributes gets them all."""


@runtime_checkable
class Findable(Protocol):
    """Rows among which one is found without a look at all of them."""

    def find(self, identity: str) -> Iterable[object]:
        """All rows that can have this identity."""


@dataclass(frozen=True, slots=True)
class CoreAgent:
    """Answers for the types of `entities.catalog.CORE`."""

    view: RouterView
    control: RouterControl | None

    def entity(self, request: Request) -> CoreEntity | None:
        """The core type that this request is about, if it is one and the operation one of core's."""
        wanted = request.entity_type or request.type
        if wanted is None or request.operation not in OPERATIONS:
            return None
        return CORE.get(wanted)

    def answer(self, entity: CoreEntity, request: Request, *, may_update: bool) -> tuple[Status, object]:
        """Status and body; ManagementError for a refusal. `may_update`: the peer's policy lets it."""
        operation = request.operation
        if (refusal := entity.refused.get(operation)) is not None:
            raise _refused(refusal, operation, entity)
        if operation == "QUERY":
            return Status.OK, query(entity, self.view, request)
        if operation == "CREATE":
            return Status.CREATED, self._create(entity, request)
        found = self._find(entity, request)
        if operation == "READ":
            return Status.OK, entity.row(found)
        if operation == "UPDATE":
            return Status.OK, self._update(entity, found, request, may_update=may_update)
        self._controlled(operation, entity).delete(entity.type_name, entity.identity(found))
        return Status.NO_CONTENT, {}

    def _create(self, entity: CoreEntity, request: Request) -> dict[str, object]:
        name = request.name
        if name is not None and any(entity.name(facts) == name for facts in entity.facts(self.view)):
            raise BadRequestError("Name conflicts with an existing entity")
        if request.body_map() is None:
            raise BadRequestError("Body of request must be a map")
        control = self._controlled("CREATE", entity)
        return entity.row(control.create(entity.type_name, new_attributes(request)))

    def _find(self, entity: CoreEntity, request: Request) -> object:
        if request.identity is None and (request.name is None or not entity.found_by_name):
            raise BadRequestError(
                "No name or identity provided"
                if request.name is None
                else "Name not supported. Identity required"
            )
        rows = entity.facts(self.view)
        if request.identity is not None and isinstance(rows, Findable):
            rows = rows.find(request.identity)
        for facts in rows:
            if request.identity is not None:
                if entity.identity(facts) == request.identity:
                    return facts
            elif entity.name(facts) == request.name:
                return facts
        # The reference calls only a changed entity's absence a bad request.
        raise BadRequestError if request.operation == "UPDATE" else NotFoundError

    def _update(
        self, entity: CoreEntity, found: object, request: Request, *, may_update: bool
    ) -> dict[str, object]:
        if entity.permit is None:
            raise _refused(Status.NOT_IMPLEMENTED, "UPDATE", entity)
        if not may_update:
            raise ForbiddenError("You are not allowed to perform this operation.")
        body = request.body_map()
        if body is None:
            raise BadRequestError("Body of request must be a map")
        changes = entity.permit(found, body)
        control = self._controlled("UPDATE", entity)
        return entity.row(control.update(entity.type_name, entity.identity(found), changes))

    def _controlled(self, operation: str, entity: CoreEntity) -> RouterControl:
        if self.control is None:
            raise _refused(Status.NOT_IMPLEMENTED, operation, entity)
        return self.control


def _refused(status: Status, operation: str, entity: CoreEntity) -> ManagementError:
    if status is Status.FORBIDDEN:
        return ForbiddenError()
    return UnsupportedError(f"Operation '{operation}' not implemented for '{entity.long_name}'")


def query(entity: CoreEntity, view: RouterView, request: Request) -> dict[str, object]:
    """Rows from `offset`, at most `count` of them, as the body of the answer."""
    chosen = _chosen(entity, request.body_map())
    page = _page(entity.facts(view), request.integer("offset", 0), request.integer("count", UNLIMITED))
    return {
        "attributeNames": [item.name for item in chosen],
        "results": [[item.value(facts) for item in chosen] for facts in page],
    }


def _chosen(entity: CoreEntity, body: Mapping[str, Any] | None) -> tuple[Column, ...]:
    """The columns named; an unknown name yields the first column under its own name [captured]."""
    names = (body or {}).get("attributeNames")
    if not isinstance(names, list) or not names or len(names) > MAX_NAMED_COLUMNS:
        return entity.columns
    known: Mapping[object, Column] = {item.name: item for item in entity.columns}
    first = entity.columns[0]
    return tuple(known.get(name, first) if isinstance(name, str) else first for name in names)


def _page(rows: Iterable[object], offset: int, count: int) -> Iterable[object]:
    """Rows before the page are not even made, where that is possible."""
    start = max(offset, 0)
    stop = None if count < 0 else start + count
    return rows[start:stop] if isinstance(rows, Sequence) else islice(rows, start, stop)
