"""An entity of any type: its type and its attributes. Typed forms belong to model; rules to validate."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from skrouter.config.schema import EntityType, Value


@dataclass(frozen=True, slots=True)
class Entity:
    """One configured entity.

    `attributes` holds converted values by camelCase name: defaults included, absent ones left out; with
    `identity`, and with `name` but for an unnamed address or autoLink. `file`, `line` of the section and
    `lines` of the attributes say where it was written, if in a file; they do not count in comparisons.
    """

    type: EntityType
    attributes: Mapping[str, Value]
    file: str | None = field(default=None, compare=False)
    line: int | None = field(default=None, compare=False)
    lines: Mapping[str, int] = field(default_factory=dict, compare=False)

    def __repr__(self) -> str:
        return self.describe()

    @property
    def name(self) -> str | None:
        """The name given by the user, or the one that follows from the identity."""
        return self.text("name")

    @property
    def identity(self) -> str:
        """The identity, unique over all entities."""
        return str(self.attributes["identity"])

    @property
    def short_type(self) -> str:
        """The short name of the type, as `listener` or `router.config.address`."""
        return self.type.short_name

    def get(self, attribute: str) -> Value:
        """The value of the attribute, None if it has none."""
        return self.attributes.get(attribute)

    def text(self, attribute: str) -> str | None:
        """The value of a text attribute, None if it has none."""
        value = self.attributes.get(attribute)
        return value if isinstance(value, str) else None

    def number(self, attribute: str) -> int:
        """The value of an integer attribute, 0 if it has none."""
        value = self.attributes.get(attribute)
        return value if isinstance(value, int) else 0

    def line_of(self, attribute: str | None) -> int | None:
        """The line of the attribute if it was given, else that of the section."""
        return self.lines.get(attribute, self.line) if attribute else self.line

    def describe(self) -> str:
        """The entity as the texts about duplicates show it: all values but secret ones, by name."""
        class_name = "".join(part[0].upper() + part[1:] for part in self.short_type.split("."))
        shown = {**self.attributes, "type": self.type.long_name}
        values = ", ".join(f"{name}={shown[name]}" for name in sorted(shown) if not self._is_secret(name))
        return f"{class_name}Entity({values})"

    def _is_secret(self, name: str) -> bool:
        attribute = self.type.attributes.get(name)
        return attribute is not None and (attribute.hidden or "password" in name.lower())
