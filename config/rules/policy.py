"""Rules for vhost and its groups (spec: router-config.md §9). Judging connections belongs to the router."""

from collections.abc import Callable, Iterator, Mapping

from skrouter.config.allowed import allowed
from skrouter.config.entity import Entity
from skrouter.config.errors import Problem
from skrouter.config.hosts import host_list
from skrouter.config.patterns import pattern_tokens
from skrouter.config.rules.context import Context, about
from skrouter.config.schema import InvalidValueError, Value, load_schema

_EXCLUSIVE = (("sources", "sourcePattern"), ("targets", "targetPattern"))

_READERS: Mapping[str, Callable[[str], object]] = {
    "remoteHosts": host_list,
    "sourcePattern": lambda text: allowed(None, text),
    "targetPattern": lambda text: allowed(None, text),
}


def names(text: str | None) -> tuple[str, ...]:
    """The names of a list separated by commas or spaces."""
    return tuple((text or "").replace(",", " ").split())


def user_names(text: str | None) -> tuple[str, ...]:
    """The users of a list separated by commas: the names of certificates have blanks in them."""
    return tuple(filter(None, (word.strip() for word in (text or "").split(","))))


def group_settings(entity: Entity) -> dict[str, dict[str, Value]]:
    """The settings of each group, converted; those that are wrong or unknown are left out."""
    settings: dict[str, dict[str, Value]] = {}
    for group, attribute, value in _group_values(entity):
        converted = settings.setdefault(group, {})
        known = load_schema().entity_type("vhostUserGroupSettings").attributes.get(attribute)
        if known is None:
            continue
        try:
            converted[attribute] = known.convert(value)
        except InvalidValueError:
            continue
    return settings


def groups(entity: Entity, _context: Context) -> Iterator[Problem]:
    """Each group is a map of settings with values of their types."""
    for group, content in _groups(entity).items():
        if not isinstance(content, dict):
            yield _invalid(entity, f"group '{group}' is not a map of settings", "give a map")
            continue
        yield from _group_values_problems(entity, group, content)
        yield from _group_lists_problems(entity, group, content)
        for one, other in _EXCLUSIVE:
            if content.get(one) and content.get(other):
                yield _invalid(entity, f"group '{group}' has both {one} and {other}", "remove one of them")


def users_are_in_one_group(entity: Entity, _context: Context) -> Iterator[Problem]:
    """No user is in two groups."""
    seen: dict[str, str] = {}
    for group, content in _groups(entity).items():
        listed = content.get("users") if isinstance(content, dict) else None
        for user in user_names(listed if isinstance(listed, str) else None):
            if seen.setdefault(user, group) != group:
                reason = f"user '{user}' is in group '{seen[user]}' and in group '{group}'"
                yield _invalid(entity, reason, "leave the user in one of them")


def host_names_are_unique(entity: Entity, context: Context) -> Iterator[Problem]:
    """No alias is the host name or alias of another vhost, or twice in this one."""
    taken: set[str] = set()
    for other in context.all_of("vhost"):
        if other is entity:
            break
        taken.update((str(other.get("hostname")), *names(other.text("aliases"))))
    taken.add(str(entity.get("hostname")))
    for alias in names(entity.text("aliases")):
        if alias in taken:
            yield _invalid(entity, f"alias '{alias}' is already in use", "remove it", "aliases")
        taken.add(alias)


def names_are_patterns(entity: Entity, context: Context) -> Iterator[Problem]:
    """With enableVhostNamePatterns, host name and aliases are patterns that can be."""
    if not any(one.get("enableVhostNamePatterns") is True for one in context.all_of("policy")):
        return
    for name in (str(entity.get("hostname")), *names(entity.text("aliases"))):
        try:
            pattern_tokens(name)
        except ValueError as error:
            yield _invalid(entity, str(error), "correct the pattern", "hostname")


def doubtful_groups(entity: Entity, _context: Context) -> Iterator[Problem]:
    """Warns of settings of a group that nobody knows."""
    known = load_schema().entity_type("vhostUserGroupSettings").attributes
    for group, attribute, _ in _group_values(entity):
        if attribute not in known:
            policy = f"Policy '{entity.get('hostname')}'"
            text = f"{policy}: setting '{attribute}' of group '{group}' is unknown and ignored"
            yield about(entity, "groups", text, "remove it or correct its name")


def _group_values_problems(entity: Entity, group: str, content: Mapping[str, Value]) -> Iterator[Problem]:
    known = load_schema().entity_type("vhostUserGroupSettings").attributes
    for attribute, value in content.items():
        try:
            if attribute in known:
                known[attribute].convert(value)
        except InvalidValueError as error:
            yield _invalid(entity, f"group '{group}' setting '{attribute}': {error}", error.remedy)


def _group_lists_problems(entity: Entity, group: str, content: Mapping[str, Value]) -> Iterator[Problem]:
    """Hosts and address patterns must be readable; lists of addresses always are."""
    for attribute, read in _READERS.items():
        value = content.get(attribute)
        try:
            if isinstance(value, str):
                read(value)
        except ValueError as error:
            yield _invalid(entity, f"group '{group}' setting '{attribute}': {error}", "correct it")


def _groups(entity: Entity) -> dict[str, Value]:
    content = entity.get("groups")
    return content if isinstance(content, dict) else {}


def _group_values(entity: Entity) -> Iterator[tuple[str, str, Value]]:
    for group, content in _groups(entity).items():
        if isinstance(content, dict):
            for attribute, value in content.items():
                yield group, attribute, value


def _invalid(entity: Entity, reason: str, remedy: str, attribute: str = "groups") -> Problem:
    text = f"Policy '{entity.get('hostname')}' is invalid: {reason}"
    return about(entity, attribute, text, remedy, "PolicyError")
