"""Rules for router, sslProfile and log."""

import unicodedata
from collections.abc import Iterator

from skrouter.config.entity import Entity
from skrouter.config.errors import Problem
from skrouter.config.levels import InvalidLevelError, parse_enable
from skrouter.config.rules.context import Context, about

_UID_LETTERS = frozenset("csloun125")
_UID_DIGESTS = frozenset("125")
_UID_MAX_LENGTH = 7
_MAX_ROUTER_ID = 253
"""Octets: with `0/` before it, what the router annotations can carry."""
_MAX_NETWORK_ID = 255


def router_id(entity: Entity, _context: Context) -> Iterator[Problem]:
    """The id has no white space or control characters, no `|` and no `$`."""
    identifier = entity.text("id")
    if identifier is None:
        return
    if not identifier:
        yield about(entity, "id", "Router id is empty", "give an id, or leave it out", "AttributeError")
    for character in identifier:
        if character in "|$" or unicodedata.category(character)[0] in "CZ":
            text = (
                f"Router id attribute containing character {character!r} in id {identifier!r} is disallowed."
            )
            yield about(entity, "id", text, "leave the character out", "AttributeError")
            return
    if len(identifier.encode()) > _MAX_ROUTER_ID:
        text = f"Router id has {len(identifier.encode())} octets"
        yield about(entity, "id", text, f"give at most {_MAX_ROUTER_ID}", "AttributeError")


def network_id(entity: Entity, _context: Context) -> Iterator[Problem]:
    """The id can be one element of an address."""
    identifier = entity.text("networkId") or ""
    if any(character == "/" or unicodedata.category(character)[0] in "CZ" for character in identifier):
        text = f"networkId {identifier!r} has a slash, white space or a control character"
        yield about(entity, "networkId", text, "leave it out: the id is a part of addresses")
    if len(identifier.encode()) > _MAX_NETWORK_ID:
        text = f"networkId has {len(identifier.encode())} octets"
        yield about(entity, "networkId", text, f"give at most {_MAX_NETWORK_ID}")


def doubtful_router(entity: Entity, _context: Context) -> Iterator[Problem]:
    """Warns of vanId, and of a dataConnectionCount that is treated as auto."""
    if entity.get("vanId") is not None:
        text = "The router attribute 'vanId' is deprecated"
        yield about(entity, "vanId", text, "use tenantId of the network section")
    count = entity.text("dataConnectionCount")
    if count is not None and data_connections(count) is None and count != "auto":
        text = f"Invalid dataConnectionCount {count!r}, auto is used"
        yield about(entity, "dataConnectionCount", text, "give a number or auto")


def data_connections(count: str) -> int | None:
    """The number that dataConnectionCount gives, None if it is auto or no number."""
    return int(count) if count.isascii() and count.isdigit() and len(count) < 10 else None


def ssl_ordinals(entity: Entity, _context: Context) -> Iterator[Problem]:
    """Ordinals are not negative, and the oldest valid one is not above the current one."""
    for attribute in ("ordinal", "oldestValidOrdinal"):
        if entity.number(attribute) < 0:
            text = f"Negative ordinal field values are invalid (sslProfile '{entity.name}')"
            yield about(entity, attribute, text, "give 0 or more", "Configuration")
    if entity.number("ordinal") < entity.number("oldestValidOrdinal"):
        text = f"ordinal must be >= oldestValidOrdinal (sslProfile '{entity.name}')"
        yield about(entity, "oldestValidOrdinal", text, "raise ordinal first", "Configuration")


def doubtful_ssl_profile(entity: Entity, _context: Context) -> Iterator[Problem]:
    """Warns of a uidFormat that is ignored."""
    uid_format = entity.text("uidFormat")
    if uid_format is not None and not is_uid_format(uid_format):
        text = f"Invalid format for uidFormat field in sslProfile '{entity.name}': {uid_format}"
        yield about(entity, "uidFormat", text, "give up to 7 letters of csloun, with at most one of 1, 2, 5")


def is_uid_format(text: str) -> bool:
    """Whether the text names fields of a certificate: 1 to 7 of csloun125, at most one digest."""
    return (
        0 < len(text) <= _UID_MAX_LENGTH
        and _UID_LETTERS.issuperset(text)
        and sum(letter in _UID_DIGESTS for letter in text) <= 1
    )


def log_levels(entity: Entity, _context: Context) -> Iterator[Problem]:
    """enable names levels."""
    enable = entity.text("enable")
    try:
        if enable is not None:
            parse_enable(enable)
    except InvalidLevelError as error:
        yield about(entity, "enable", str(error), "name levels, separated by commas", "Configuration")
