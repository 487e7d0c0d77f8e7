"""Configuration objects for the TCP adaptor's tests, made as the router makes them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from skrouter.config.entity import Entity
from skrouter.config.model import EntityConfig
from skrouter.config.resolve import resolve
from skrouter.config.schema import load_schema

MakeConfig = Callable[..., EntityConfig]


def make_config(short_type: str, **given: str | int | bool) -> EntityConfig:
    """The typed form of an entity with these camelCase attributes and the schema's defaults."""
    entity_type = load_schema().entity_types[short_type]
    values = {a.name: a.default for a in entity_type.attributes.values() if a.default is not None}
    return resolve(Entity(entity_type, {"identity": str(given.get("name", "")), **values, **given}))


@pytest.fixture
def config() -> MakeConfig:
    """make_config."""
    return make_config
