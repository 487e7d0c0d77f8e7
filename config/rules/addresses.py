"""Rules for router.config.address and router.config.autoLink (spec: router-config.md §4, §5)."""

from collections.abc import Iterator

from skrouter.config.entity import Entity
from skrouter.config.errors import Problem
from skrouter.config.patterns import MAX_TOKENS, pattern_tokens, prefix_pattern, tokens
from skrouter.config.rules.context import Context, about

_MAX_PRIORITY = 9


def stored_pattern(entity: Entity) -> str | None:
    """The pattern the address entity stands for; None if it has none or cannot have one."""
    prefix, pattern = entity.text("prefix"), entity.text("pattern")
    if (prefix is None) == (pattern is None):
        return None
    text = prefix_pattern(prefix) if prefix is not None else pattern
    try:
        return "/".join(pattern_tokens(text or ""))
    except ValueError:
        return None


def prefix_or_pattern(entity: Entity, _context: Context) -> Iterator[Problem]:
    """An address has a prefix or a pattern, with at least one token."""
    prefix, pattern = entity.text("prefix"), entity.text("pattern")
    if prefix is not None and pattern is not None:
        text = "Cannot specify both a 'prefix' and a 'pattern' attribute"
        yield about(entity, "pattern", text, "remove one of them")
    elif prefix is None and pattern is None:
        text = "Either a 'prefix' or 'pattern' attribute must be provided"
        yield about(entity, None, text, "add one of them")
    elif stored_pattern(entity) is None:
        attribute = "prefix" if prefix is not None else "pattern"
        how_many = "too many" if tokens(prefix or pattern or "") else "no"
        text = f"{attribute.capitalize()} invalid - {how_many} tokens"
        yield about(entity, attribute, text, f"give 1 to {MAX_TOKENS} tokens, separated by . or /")


def pattern_is_new(entity: Entity, context: Context) -> Iterator[Problem]:
    """No earlier address stands for the same pattern."""
    pattern = stored_pattern(entity)
    if pattern is None:
        return
    for other in context.all_of(entity.short_type):
        if other is entity:
            return
        if stored_pattern(other) == pattern:
            text = f"Address pattern '{pattern}' is already configured" + _at_line(other)
            yield about(
                entity, "prefix" if entity.get("prefix") else "pattern", text, "remove one of the two"
            )
            return


def priority(entity: Entity, _context: Context) -> Iterator[Problem]:
    """The priority is 0 to 9; -1 is what management shows for none."""
    value = entity.get("priority")
    if isinstance(value, int) and not -1 <= value <= _MAX_PRIORITY:
        text = f"Priority value, if present, must be between 0 and QDR_MAX_PRIORITY, not {value}"
        yield about(entity, "priority", text, f"give 0 to {_MAX_PRIORITY}, or leave it out")


def auto_link(entity: Entity, _context: Context) -> Iterator[Problem]:
    """An autoLink names one peer at most, and its address unless it is anonymous and incoming."""
    if entity.get("connection") is not None and entity.get("containerId") is not None:
        text = "Both connection and containerId cannot be specified. Specify only one"
        yield about(entity, "containerId", text, "remove one of them")
    if entity.get("direction") == "out" and not entity.get("address"):
        text = "address field is only optional if direction is incoming"
        yield about(entity, "address", text, "give the address")


def _at_line(entity: Entity) -> str:
    return f" at line {entity.line}" if entity.line is not None else ""
