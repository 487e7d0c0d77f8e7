"""The management schema as data and as objects. Rules between entities belong to config.validate."""

from skrouter.config.schema.load import load_schema
from skrouter.config.schema.schema import Attribute, EntityType, Schema, UnknownEntityTypeError
from skrouter.config.schema.values import InvalidValueError, Value

__all__ = [
    "Attribute",
    "EntityType",
    "InvalidValueError",
    "Schema",
    "UnknownEntityTypeError",
    "Value",
    "load_schema",
]
