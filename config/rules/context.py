"""What a rule may look at besides its entity, and how it states a problem."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from skrouter.config.entity import Entity
from skrouter.config.errors import Problem


class Context:
    """All entities of a configuration, to be looked up by type and name."""

    def __init__(self, entities: Iterable[Entity]) -> None:
        self.entities = tuple(entities)
        self._named = {(one.short_type, one.name): one for one in reversed(self.entities)}

    def find(self, short_type: str, name: str) -> Entity | None:
        """The first entity of this type and name."""
        return self._named.get((short_type, name))

    def all_of(self, short_type: str) -> list[Entity]:
        """All entities of this type, in order."""
        return [one for one in self.entities if one.short_type == short_type]

    @property
    def mode(self) -> str:
        """The mode of the router: standalone, interior or edge."""
        routers = self.all_of("router")
        return (routers[0].text("mode") if routers else None) or "standalone"


Rule: TypeAlias = Callable[[Entity, Context], Iterator[Problem]]
"""Looks at one entity; yields what is wrong with it."""


def about(
    entity: Entity, attribute: str | None, text: str, remedy: str, kind: str = "ValidationError"
) -> Problem:
    """A problem of this entity, at the line of its attribute or section."""
    return Problem(
        text,
        remedy,
        kind,
        file=entity.file,
        line=entity.line_of(attribute),
        section=entity.type.shown_name,
        attribute=attribute,
    )
