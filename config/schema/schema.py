"""Entity types and attributes as frozen objects. Reading them belongs to load; conversion to values."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from skrouter.config.schema.values import CONVERTERS, InvalidValueError, Value, to_enum


class UnknownEntityTypeError(LookupError):
    """A type name that the schema does not hold; `str()` is the text for the user."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of an entity type.

    `type` is string, path, entityId, integer, boolean, map, properties, list or enum (then `choices` holds
    the names). `create` and `update` say what a management client may set; a configuration file may set all
    but `status`. `needed` attributes have no default and no entity works without them, though the schema that
    clients see does not call them required. `minimum` bounds an integer.
    """

    name: str
    type: str
    choices: tuple[str, ...] = ()
    default: Value = None
    required: bool = False
    needed: bool = False
    unique: bool = False
    create: bool = False
    update: bool = False
    status: bool = False
    hidden: bool = False
    counter: bool = False
    deprecated: bool = False
    minimum: int | None = None
    description: str = ""

    def convert(self, value: object) -> Value:
        """The value in this attribute's type; InvalidValueError if it is not one."""
        if self.type == "enum":
            return to_enum(self.choices, value)
        converted = CONVERTERS[self.type](value)
        if self.minimum is not None and isinstance(converted, int) and converted < self.minimum:
            raise InvalidValueError(
                f"Invalid integer value: {converted}", f"give a number of at least {self.minimum}"
            )
        return converted

    def describe(self) -> dict[str, Value]:
        """The attribute as GET-SCHEMA shows it: without what is false, empty or zero."""
        shown: dict[str, Value] = {
            "type": list(self.choices) if self.choices else self.type,
            "default": self.default,
            "required": self.required,
            "unique": self.unique,
            "description": self.description,
            "graph": self.counter,
        }
        return {key: value for key, value in shown.items() if value}


@dataclass(frozen=True, slots=True)
class EntityType:
    """One entity type. `bases` and `long_name` carry the prefix; `attributes` end with name and identity.

    `identified_by` names the attributes whose values, joined by colons, follow the type in the identity; a
    name that ends in `?` is left out when it has no value. `identified_as` is a fixed text in its place;
    without both, a counter follows the type.
    """

    short_name: str
    long_name: str
    kind: str
    attributes: Mapping[str, Attribute] = field(repr=False)
    operations: tuple[str, ...] = ()
    bases: tuple[str, ...] = ()
    alias: str | None = None
    singleton: bool = False
    name_is_optional: bool = False
    identified_as: str | None = None
    identified_by: tuple[str, ...] = ()
    description: str = ""

    @property
    def is_configuration(self) -> bool:
        """Whether a configuration file may hold sections of this type."""
        return self.kind == "configuration" and self.short_name != "vhostUserGroupSettings"

    @property
    def shown_name(self) -> str:
        """The key of this type in GET-SCHEMA, and its section name in a configuration file."""
        return self.alias or self.short_name

    def identifier(self, values: Mapping[str, Value]) -> str | None:
        """What follows the type in the identity; None if a counter does, or the values are not all there."""
        if self.identified_as is not None:
            return self.identified_as
        parts = []
        for part in self.identified_by:
            value = values.get(part.rstrip("?"))
            if value is None:
                if part.endswith("?"):
                    continue
                return None
            parts.append(str(value))
        return ":".join(parts) if parts else None

    def describe(self) -> dict[str, Value]:
        """The type as GET-SCHEMA shows it: without what is false or empty."""
        shown: dict[str, Value] = {
            "attributes": {name: attribute.describe() for name, attribute in self.attributes.items()},
            "operations": list(self.operations),
            "description": self.description,
            "fullyQualifiedType": self.long_name,
            "singleton": self.singleton,
        }
        return {key: value for key, value in shown.items() if value}


@dataclass(frozen=True, slots=True)
class Schema:
    """All entity types, by short name (`listener`, `router.config.address`)."""

    prefix: str
    entity_types: Mapping[str, EntityType]

    def short_name(self, name: str) -> str:
        """The name without the prefix: `io.skupper.router.listener` and `listener` give `listener`."""
        return name.removeprefix(self.prefix + ".")

    def long_name(self, name: str) -> str:
        """The name with the prefix, whether it has it or not."""
        return f"{self.prefix}.{self.short_name(name)}"

    def entity_type(self, name: str) -> EntityType:
        """The type of this long or short name; UnknownEntityTypeError if there is none."""
        found = self.entity_types.get(self.short_name(name))
        if found is None:
            raise UnknownEntityTypeError(f"No such entity type {self.long_name(name)!r}")
        return found

    def section_type(self, section: str) -> EntityType:
        """The type of a section of a configuration file, where `address` and `autoLink` are aliases."""
        for entity_type in self.entity_types.values():
            if entity_type.alias == section:
                return entity_type
        return self.entity_type(section)

    def describe(self) -> dict[str, Value]:
        """The body of the answer to GET-SCHEMA."""
        return {
            "prefix": self.prefix,
            "entityTypes": {one.shown_name: one.describe() for one in self.entity_types.values()},
        }
