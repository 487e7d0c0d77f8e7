"""Raw sections to a Configuration, or to all that is wrong with them. Reading files belongs to loader."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from skrouter.config.convert import Identities, Written, convert
from skrouter.config.entity import Entity
from skrouter.config.errors import Problem
from skrouter.config.model import (
    AddressConfig,
    AutoLinkConfig,
    Configuration,
    ConnectorConfig,
    EntityConfig,
    ListenerAddressConfig,
    ListenerConfig,
    LogConfig,
    NetworkConfig,
    PolicyConfig,
    ProxyProfileConfig,
    RouterConfig,
    SiteConfig,
    SslProfileConfig,
    TcpConnectorConfig,
    TcpListenerConfig,
    Typed,
    VhostConfig,
)
from skrouter.config.raw import RawSection
from skrouter.config.resolve import resolve
from skrouter.config.schema import EntityType, InvalidValueError, Schema, UnknownEntityTypeError
from skrouter.config.validate import doubtful, validate

_FIRST = (
    "log",
    "router",
    "network",
    "policy",
    "sslProfile",
    "router.config.address",
    "router.config.autoLink",
    "vhost",
)
_LAST = ("connector", "listener", "tcpListener", "tcpConnector", "listenerAddress")
_PLACE_OF_OTHERS = len(_FIRST)
_PLACE_OF_POLICY_FILES = _PLACE_OF_OTHERS + 1
_PLACES = {
    **{short_type: place for place, short_type in enumerate(_FIRST)},
    **{short_type: place for place, short_type in enumerate(_LAST, start=_PLACE_OF_POLICY_FILES + 1)},
}
_SINGLETONS = ("router", "network", "policy")

AnyTyped = TypeVar("AnyTyped", bound=Typed)


@dataclass(slots=True)
class Draft:
    """Entities on the way to a Configuration, with the mistakes and warnings found so far."""

    schema: Schema
    file: str
    entities: list[Entity] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    identities: Identities = field(default_factory=Identities)

    def add_sections(self, sections: Iterable[RawSection], new_router_id: Callable[[str], str]) -> None:
        """Converts the sections of the file; adds the singletons and the log modules that it leaves out.

        `new_router_id` makes an id from the mode of the router; it is asked if the router has none.
        """
        for section in sections:
            self._add_section(section, self.file, new_router_id)
        self._add_singletons(new_router_id)
        self._add_logs()

    def add_vhosts(self, sections: Iterable[RawSection], file: str) -> None:
        """Converts the vhost sections of a file of the policyDir; other sections there have no effect."""
        for section in sections:
            if section.name == "vhost":
                self._add_section(section, file, str)

    def check(self) -> None:
        """Puts the entities in order of creation and applies the rules."""
        self.entities.sort(key=self._order)
        self.problems.extend(validate(self.entities))
        self.warnings.extend(doubtful(self.entities))

    def finish(self) -> Configuration:
        """The configuration; only for a checked draft without problems."""
        return assemble(self.entities, self.warnings)

    def _add_section(self, section: RawSection, file: str, new_router_id: Callable[[str], str]) -> None:
        entity_type = self._type_of(section, file)
        if entity_type is None:
            return
        values: dict[str, object] = {one.name: one.value for one in section.attributes}
        if entity_type.short_name == "router" and "id" not in values:
            values["id"] = new_router_id(_mode(entity_type, values.get("mode")))
        lines = {one.name: one.line for one in section.attributes}
        self._add(entity_type, Written(values, section.name, file, section.line, lines))

    def _type_of(self, section: RawSection, file: str) -> EntityType | None:
        try:
            entity_type = self.schema.section_type(section.name)
        except UnknownEntityTypeError as error:
            self._refuse(section, file, str(error))
            return None
        if not entity_type.is_configuration:
            self._refuse(section, file, f"Entity type '{entity_type.long_name}' cannot be configured")
            return None
        return entity_type

    def _refuse(self, section: RawSection, file: str, text: str) -> None:
        known = [one.shown_name for one in self.schema.entity_types.values() if one.is_configuration]
        remedy = f"use one of {', '.join(known)}"
        self.problems.append(Problem(text, remedy, file=file, line=section.line, section=section.name))

    def _add_singletons(self, new_router_id: Callable[[str], str]) -> None:
        present = {entity.short_type for entity in self.entities}
        for short_type in _SINGLETONS:
            if short_type not in present:
                values = {"id": new_router_id("standalone")} if short_type == "router" else {}
                self._add(self.schema.entity_type(short_type), Written(values, short_type))

    def _add_logs(self) -> None:
        configured = {entity.get("module") for entity in self.entities if entity.short_type == "log"}
        log = self.schema.entity_type("log")
        for module in log.attributes["module"].choices:
            if module not in configured:
                self._add(log, Written({"module": module}, "log"))

    def _add(self, entity_type: EntityType, written: Written) -> None:
        entity, problems, warnings = convert(entity_type, written, self.identities)
        self.entities.append(entity)
        self.problems.extend(problems)
        self.warnings.extend(warnings)

    def _order(self, entity: Entity) -> int:
        if entity.short_type == "vhost" and entity.file != self.file:
            return _PLACE_OF_POLICY_FILES
        return _PLACES.get(entity.short_type, _PLACE_OF_OTHERS)


def _mode(router: EntityType, value: object) -> str:
    """The mode as far as it can be known; a mistake in it is reported elsewhere."""
    try:
        return str(router.attributes["mode"].convert(value))
    except InvalidValueError:
        return "standalone"


def assemble(entities: Sequence[Entity], warnings: Iterable[Problem] = ()) -> Configuration:
    """The typed configuration of valid entities that are in order of creation."""
    router = next(entity for entity in entities if entity.short_type == "router")
    typed = [resolve(entity, router) for entity in entities]
    sites = _all(SiteConfig, typed)
    return Configuration(
        router=_all(RouterConfig, typed)[0],
        network=_all(NetworkConfig, typed)[0],
        policy=_all(PolicyConfig, typed)[0],
        entities=tuple(entities),
        site=sites[0] if sites else None,
        ssl_profiles={str(one.name): one for one in _all(SslProfileConfig, typed)},
        proxy_profiles={str(one.name): one for one in _all(ProxyProfileConfig, typed)},
        logs=_all(LogConfig, typed),
        addresses=_all(AddressConfig, typed),
        auto_links=_all(AutoLinkConfig, typed),
        vhosts=_all(VhostConfig, typed),
        connectors=_all(ConnectorConfig, typed),
        listeners=_all(ListenerConfig, typed),
        tcp_listeners=_all(TcpListenerConfig, typed),
        tcp_connectors=_all(TcpConnectorConfig, typed),
        listener_addresses=_all(ListenerAddressConfig, typed),
        warnings=tuple(warnings),
    )


def _all(cls: type[AnyTyped], typed: Iterable[EntityConfig]) -> tuple[AnyTyped, ...]:
    return tuple(one for one in typed if isinstance(one, cls))
