"""The bodies of CREATE and UPDATE: which type is meant and which attributes are given.

Whether their values are right is decided where the router's configuration is, by `skrouter.config.runtime`.
"""

from collections.abc import Mapping
from typing import Any

from skrouter.config.errors import ConfigError
from skrouter.config.schema import EntityType
from skrouter.mgmt.agent.naming import long_name
from skrouter.mgmt.agent.request import Request, bare
from skrouter.mgmt.agent.status import BadRequestError, InternalError, ManagementError


def given_attributes(request: Request) -> dict[str, Any]:
    """The body as a map, else the reference's own words for one that is none."""
    if isinstance(request.body, Mapping):
        return {str(key): bare(value) for key, value in request.body.items()}
    kind = type(bare(request.body)).__name__
    raise InternalError(f"AttributeError: '{kind}' object has no attribute 'setdefault'")


def wanted_type(request: Request) -> str:
    """The type to create, from the property or the body; they must agree."""
    body = given_attributes(request)
    asked, given = request.type, body.get("type")
    if asked is None and given is None:
        shown = {**body, "type": None, "name": request.name}
        raise BadRequestError(f"No 'type' attribute in {shown}")
    if given is not None and not isinstance(given, str):
        raise BadRequestError(f"'type' must be a string, not {given!r}")
    if asked is not None and given is not None and long_name(asked) != long_name(given):
        raise BadRequestError(f"Conflicting values for 'type': '{asked}' and '{given}'")
    return str(asked or given)


def new_attributes(request: Request) -> dict[str, Any]:
    """What a CREATE gives, nulls left out.

    Only the request's property names the entity: a name in the body has no effect [captured].
    """
    attributes = {
        key: value
        for key, value in given_attributes(request).items()
        if value is not None and key not in ("type", "name")
    }
    return attributes if request.name is None else {**attributes, "name": request.name}


def changed_attributes(entity_type: EntityType, request: Request) -> dict[str, Any]:
    """What an UPDATE gives; null takes a value away."""
    changes = given_attributes(request)
    given = changes.pop("type", None)
    if given is not None and (not isinstance(given, str) or long_name(given) != entity_type.long_name):
        raise BadRequestError(f"Conflicting values for 'type': '{entity_type.long_name}' and '{given}'")
    return changes


def refuse_second_singleton(
    entity_type: EntityType, attributes: Mapping[str, Any], existing: list[dict[str, object]]
) -> None:
    """BadRequestError if the router has one of a type that there is only one of."""
    if entity_type.singleton and existing:
        raise BadRequestError(
            f"Adding {entity_type.short_name} singleton {dict(attributes)} when {existing[0]} already exists"
        )


def refusal_of(error: ConfigError) -> ManagementError:
    """The answer for a configuration that is refused: its first problem's text, then the others'."""
    text = "; ".join(problem.status for problem in error.problems)
    kind = InternalError if error.problems and error.problems[0].is_c_error else BadRequestError
    return kind(text)
