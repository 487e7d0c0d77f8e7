"""CREATE, UPDATE and DELETE on the running router: checked, carried out, kept; or refused without a trace.

What a change does to the router is in control_kinds; here is what all types share. The configuration in
`router.config` is at all times what the router does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from skrouter.cli.control_kinds import REFUSALS, kinds
from skrouter.cli.profiling import Profiler
from skrouter.config import changes as configuration
from skrouter.config.entity import Entity
from skrouter.config.errors import ConfigError
from skrouter.config.runtime import create_entity, update_entity
from skrouter.mgmt.agent.entities.catalog import CORE, GENERAL
from skrouter.mgmt.agent.entities.entity import CoreEntity, GeneralEntity
from skrouter.mgmt.agent.facts import ConnectionFacts
from skrouter.mgmt.agent.naming import long_name
from skrouter.mgmt.agent.status import BadRequestError, ConfigurationError, NotFoundError
from skrouter.router.net.errors import ListenError

if TYPE_CHECKING:
    from skrouter.adaptors.tcp.shell import TcpShell
    from skrouter.cli.view import LiveView
    from skrouter.config.model import EntityConfig
    from skrouter.config.schema import Schema
    from skrouter.router.runtime import Router

_NUMBERED: Final = ("router.config.address", "router.config.autoLink")
"""Types whose identity is a number in management and not in the configuration."""


class RouterControl:
    """`skrouter.mgmt.agent.view.RouterControl` of a router and its TCP adaptor."""

    def __init__(self, router: Router, tcp: TcpShell, view: LiveView, schema: Schema) -> None:
        self._router = router
        self._tcp = tcp
        self._view = view
        self._schema = schema
        self._kinds = kinds(router, tcp)
        self._profiler = Profiler()

    # --- what the agent asks

    def create(self, entity_type: str, attributes: Mapping[str, Any]) -> object:
        """Make an entity and return its facts."""
        made = self._made(entity_type, attributes)
        with _refusals():
            self._kinds[entity_type].start(made)
        self._router.config = configuration.added(self._router.config, made)
        return self._newest(entity_type)

    def update(self, entity_type: str, identity: str, changes: Mapping[str, Any]) -> object:
        """Change attributes of the entity and return its facts as they are now."""
        if entity_type == "connection":
            return self._update_connection(int(identity), changes)
        old = self._find(entity_type, identity)
        new = update_entity(old.entity, changes, self._router.config.entities)
        with _refusals():
            self._kinds[entity_type].change(old, new)
        self._router.config = configuration.replaced(self._router.config, new)
        return self._shown(entity_type, identity)

    def delete(self, entity_type: str, identity: str) -> None:
        """Remove the entity."""
        old = self._find(entity_type, identity)
        with _refusals():
            self._kinds[entity_type].stop(old)
        self._router.config = configuration.removed(self._router.config, old)

    def start_profile(self) -> None:
        """Begin to profile our Python code."""
        self._profiler.start()
        self._router.log.log("AGENT", "info", "Started python profiler")

    def stop_profile(self) -> str:
        """End it; what it found, as text."""
        if not self._profiler.is_running:
            raise BadRequestError("Profiler not started")
        self._router.log.log("AGENT", "info", "Stopped python profiler")
        return self._profiler.stop()

    # --- entities

    def _made(self, entity_type: str, attributes: Mapping[str, Any]) -> EntityConfig:
        """The typed entity; a refusal shows entities that are in its way as management shows them now."""
        try:
            return create_entity(self._schema, entity_type, attributes, self._router.config.entities)
        except ConfigError:
            return create_entity(self._schema, entity_type, attributes, self._observed())

    def _observed(self) -> Iterator[Entity]:
        """The configured entities with what running adds to them."""
        rows: dict[str, dict[str, object]] = {}
        for entity in self._router.config.entities:
            kind = entity.short_type
            if kind not in rows:
                rows[kind] = {GENERAL[kind].identity(one): one for one in GENERAL[kind].facts(self._view)}
            yield _with_status(entity, rows[kind].get(entity.identity))

    def _find(self, entity_type: str, identity: str) -> EntityConfig:
        try:
            return configuration.find(self._router.config, self._configured_identity(entity_type, identity))
        except KeyError as error:
            raise NotFoundError(f"No entity with identity={identity}") from error

    def _configured_identity(self, entity_type: str, identity: str) -> str:
        if entity_type not in _NUMBERED:
            return identity
        number = int(identity.rpartition("/")[2])
        return self._view.configured_identity(number) or identity

    def _newest(self, entity_type: str) -> object:
        """The facts of what has just been made: rows come oldest first."""
        *_, newest = self._rows(entity_type)
        return newest

    def _shown(self, entity_type: str, identity: str) -> object:
        entity = _described(entity_type)
        return next(one for one in self._rows(entity_type) if entity.identity(one) == identity)

    def _rows(self, entity_type: str) -> Iterable[object]:
        return _described(entity_type).facts(self._view)

    # --- connections

    def _update_connection(self, number: int, changes: Mapping[str, Any]) -> ConnectionFacts:
        shown = next((one for one in self._view.connections() if one.identity == number), None)
        if shown is None:
            raise BadRequestError
        if "enableProtocolTrace" in changes:
            shown = self._trace(shown, changes["enableProtocolTrace"])
        if changes.get("adminStatus") != "deleted":
            return shown
        self._force_close(number)
        return replace(shown, admin_status="deleted", oper_status="closing")

    def _trace(self, shown: ConnectionFacts, wanted: bool) -> ConnectionFacts:
        """TCP connections have no frames: for them it is never on."""
        if (handle := self._view.amqp_connection(shown.identity)) is None:
            return shown
        self._router.shell.tracing.choose(handle, wanted)
        return replace(shown, enable_protocol_trace=wanted)

    def _force_close(self, number: int) -> None:
        if (handle := self._view.amqp_connection(number)) is not None:
            self._router.shell.drop(handle)
        elif (handle := self._view.tcp_connection(number)) is not None:
            self._tcp.close_connection(handle)


def _with_status(entity: Entity, facts: object | None) -> Entity:
    if facts is None:
        return entity
    shown = GENERAL[entity.short_type]
    status = [name for name, attribute in entity.type.attributes.items() if attribute.status]
    values: dict[str, Any] = {name: shown.attribute(facts, name) for name in status}
    known = {name: value for name, value in values.items() if value is not None}
    return replace(entity, attributes={**entity.attributes, **known})


def _described(entity_type: str) -> CoreEntity | GeneralEntity:
    core = CORE.get(long_name(entity_type))
    return GENERAL[entity_type] if core is None else core


@contextmanager
def _refusals() -> Iterator[None]:
    """What a step refuses, in the words of the agent."""
    try:
        yield
    except ListenError as error:
        raise ConfigurationError(f"Listener error on {error.host_port}: {error.reason}") from error
    except REFUSALS as error:
        raise ConfigurationError(str(error)) from error
