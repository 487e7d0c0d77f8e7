"""Operations of the management node: types, attributes, operations, the schema, other nodes, the log."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from skrouter.config.schema import EntityType, Schema
from skrouter.mgmt.agent.request import Request
from skrouter.mgmt.agent.status import BadRequestError, UnsupportedError
from skrouter.mgmt.agent.view import RouterControl, RouterView

MAX_LOG_ENTRIES = 1000
"""Entries that a router keeps, hence the most that GET-LOG returns."""

MAX_INDENT = 16


@dataclass(frozen=True, slots=True)
class NodeOperations:
    """The answers that come from the schema and from the list of routers."""

    view: RouterView
    schema: Schema
    control: RouterControl | None = None

    def operation(self, name: str) -> Callable[[Request], object] | None:
        """The operation with this upper-case name, or None."""
        operations: Mapping[str, Callable[[Request], object]] = {
            "GET-TYPES": self.types,
            "GET-ATTRIBUTES": self.attributes,
            "GET-OPERATIONS": self.operations,
            "GET-ANNOTATIONS": lambda _: {},
            "GET-MGMT-NODES": self.management_nodes,
            "GET-SCHEMA": lambda _: self.schema.describe(),
            "GET-JSON-SCHEMA": self.json_schema,
            "GET-SCHEMA-JSON": self.json_schema,
            "GET-LOG": self.log,
            "PROFILE": self.profile,
        }
        return None if name == "PROFILE" and self.control is None else operations.get(name)

    def types(self, request: Request) -> object:
        """Each type with the types it extends."""
        return {one.long_name: list(one.bases) for one in self._asked(request)}

    def attributes(self, request: Request) -> object:
        """Each type with the names of its attributes."""
        return {one.long_name: attribute_names(one) for one in self._asked(request)}

    def operations(self, request: Request) -> object:
        """Each type with its operations."""
        return {one.long_name: list(one.operations) for one in self._asked(request)}

    def management_nodes(self, _: Request) -> object:
        """Addresses of the agents of all interior routers, this one included."""
        return [f"{node.address}/$management" for node in self.view.nodes()]

    def json_schema(self, request: Request) -> object:
        """The schema as JSON text, indented by `indent` blanks if asked."""
        indent = request.integer("indent", -1)
        if indent > MAX_INDENT:
            raise BadRequestError(f"'indent' must be at most {MAX_INDENT}, not {indent}")
        return json.dumps(self.schema.describe(), indent=indent if indent >= 0 else None)

    def log(self, request: Request) -> object:
        """The newest entries of the log, oldest first."""
        limit = request.integer("limit", MAX_LOG_ENTRIES)
        entries = self.view.log_entries(min(max(limit, 0), MAX_LOG_ENTRIES))
        return [[one.module, one.level, one.text, one.file, one.line, one.time] for one in entries]

    def profile(self, request: Request) -> object:
        """Profiling begins with the property `start` and ends with `stop`, which answers with the result."""
        if self.control is None:
            raise UnsupportedError("this router cannot be profiled")
        wanted = request.properties.keys() & {"start", "stop"}
        if len(wanted) != 1:
            raise BadRequestError("PROFILE needs one of the properties 'start' and 'stop'")
        if "stop" in wanted:
            return self.control.stop_profile()
        self.control.start_profile()
        return None

    def _asked(self, request: Request) -> list[EntityType]:
        """The type asked for, or all of them."""
        if request.entity_type is None:
            return list(self.schema.entity_types.values())
        return [self.schema.entity_type(request.entity_type)]


def attribute_names(entity_type: EntityType) -> list[str]:
    """Names in the schema's order, the type last."""
    return [*entity_type.attributes, "type"]
