"""Rules for listener and connector: roles, limits, profiles, open properties, failover hosts."""

import re
from collections.abc import Iterator

from skrouter.config.entity import Entity
from skrouter.config.errors import Problem
from skrouter.config.message_components import COMPONENTS, parse_components
from skrouter.config.rules.context import Context, about
from skrouter.config.schema import Value

INT_MAX = 2147483647
_RANGES = (
    # attribute, smallest and largest value, whether 0 stands for the default
    ("cost", 1, INT_MAX, False),
    ("maxFrameSize", 512, INT_MAX, True),
    ("maxSessions", 1, 32768, True),
    ("maxSessionFrames", 2, INT_MAX, True),
)
_RESERVED_KEYS = frozenset(("product", "version", "failover-server-list", "network-host", "port"))
_RESERVED_PREFIXES = ("qd.", "x-opt-qd.")
_ROLES_WITHOUT_PROPERTIES = ("inter-router", "edge")
_LONG_MIN, _LONG_MAX = -(1 << 63), (1 << 63) - 1
_FAILOVER = re.compile(r"(?:(amqps?|wss?)://)?(\[[^\]]+\]|[^:/\[\]]+)(?::([^:/]+))?")
_PORT = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")


def role_in_mode(entity: Entity, context: Context) -> Iterator[Problem]:
    """The mode of the router allows the role."""
    role, mode, kind = entity.text("role"), context.mode, entity.short_type
    if mode == "standalone" and role in ("inter-router", "edge"):
        text = f"role='{role}' not allowed for {kind} of a router with mode='standalone'"
    elif role == "inter-router" and mode != "interior":
        text = f"role='inter-router' only allowed with router mode='interior' for {kind}, mode is '{mode}'"
    elif role == "edge" and mode == "edge" and kind == "listener":
        text = "role='edge' only allowed with router mode='interior' for listener, mode is 'edge'"
    else:
        return
    yield about(entity, "role", text, "change the role, or the mode of the router")


def limits(entity: Entity, _context: Context) -> Iterator[Problem]:
    """Cost, frame size, sessions and session window are in their ranges."""
    for attribute, smallest, largest, zero_is_default in _RANGES:
        value = entity.get(attribute)
        if not isinstance(value, int) or (value == 0 and zero_is_default) or smallest <= value <= largest:
            continue
        whose = f"{entity.short_type} '{entity.name}' with role={entity.get('role')}"
        text = f"Invalid {attribute} {value} for {whose}"
        allowed = f"give {smallest} to {largest}" + (", or 0 for the default" if zero_is_default else "")
        yield about(entity, attribute, text, allowed, "Configuration")


def port(entity: Entity, _context: Context) -> Iterator[Problem]:
    """The port is a number up to 65535 or can be the name of a service."""
    written = entity.text("port")
    if written is None:
        return
    is_number = written.isascii() and written.isdigit()
    if not _PORT.fullmatch(written) or (is_number and int(written[:6]) > 65535):
        text = f"Invalid port {written!r} for {entity.short_type} '{entity.name}'"
        yield about(entity, "port", text, "give 0 to 65535, or the name of a service", "Configuration")


def port_is_new(entity: Entity, context: Context) -> Iterator[Problem]:
    """No earlier listener of another identity has the same host and port."""
    place = _place(entity)
    if place[1] in (None, "0"):
        return
    for other in context.all_of(entity.short_type):
        if other is entity:
            return
        if _place(other) == place and other.get("identity") != entity.get("identity"):
            where = f" of line {other.line}" if other.line is not None else ""
            text = f"listener '{entity.name}' has host and port of listener '{other.name}'{where}"
            yield about(entity, "port", text, "give it another port, or another host", "Configuration")
            return


def _place(listener: Entity) -> tuple[object, object, object]:
    return listener.get("host"), listener.get("port"), listener.get("socketAddressFamily")


def profiles(entity: Entity, context: Context) -> Iterator[Problem]:
    """The sslProfile and the proxyProfile exist."""
    for attribute in ("sslProfile", "proxyProfile"):
        name = entity.text(attribute)
        if name and context.find(attribute, name) is None:
            text = f"{attribute} '{name}' not found"
            yield about(entity, attribute, text, f"add a section {attribute} with this name", "Configuration")


def proxy_place(entity: Entity, context: Context) -> Iterator[Problem]:
    """The proxyProfile that a connector uses says where it is, and has a user name that HTTP can carry."""
    name = entity.text("proxyProfile")
    profile = context.find("proxyProfile", name) if name else None
    if profile is None:
        return
    for attribute in ("host", "port"):
        if not profile.text(attribute):
            text = (
                f"proxyProfile '{name}' has no {attribute}, but {entity.short_type} '{entity.name}' uses it"
            )
            yield about(profile, attribute, text, f"give it the {attribute} of the proxy", "Configuration")
    if profile.text("port"):
        yield from port(profile, context)
    if ":" in (profile.text("username") or ""):
        text = f"Invalid username for proxyProfile '{name}'"
        yield about(profile, "username", text, "give one without ':'", "Configuration")


def open_properties(entity: Entity, _context: Context) -> Iterator[Problem]:
    """The role allows open properties, their keys are free ASCII text, and AMQP can carry the values."""
    properties = entity.get("openProperties")
    if not isinstance(properties, dict) or not properties:
        return
    role = entity.text("role")
    if role in _ROLES_WITHOUT_PROPERTIES:
        text = f"openProperties not allowed for role {role}"
        yield about(entity, "openProperties", text, "remove them")
    for key, value in properties.items():
        if not key.isascii():
            yield _key_problem(entity, key, "has characters that are not ASCII")
        elif key in _RESERVED_KEYS or key.startswith(_RESERVED_PREFIXES):
            yield _key_problem(entity, key, "is reserved for the router")
        if not _fits(value):
            text = f"openProperties value of key {key!r} has a number of more than 64 bits"
            yield about(entity, "openProperties", text, "give a smaller number, or text")


def doubtful_components(entity: Entity, _context: Context) -> Iterator[Problem]:
    """Components of messages to be logged that do not exist."""
    _, unknown = parse_components(entity.text("messageLoggingComponents") or "")
    for word in unknown:
        text = f"'{word}' is no component of a message that can be logged"
        remedy = f"give none, all, or some of {', '.join(COMPONENTS)}"
        yield about(entity, "messageLoggingComponents", text, remedy, "Configuration")


def failover_urls(entity: Entity, _context: Context) -> Iterator[Problem]:
    """Each element of failoverUrls has a host."""
    for element in split_failover_urls(entity.text("failoverUrls") or ""):
        if not _FAILOVER.fullmatch(element):
            text = f"Invalid failoverUrls element {element!r} for {entity.short_type} '{entity.name}'"
            yield about(
                entity, "failoverUrls", text, "write [(amqp|amqps|ws|wss)://]host[:port]", "Configuration"
            )


def split_failover_urls(text: str) -> list[str]:
    """The elements of a failoverUrls text, without white space; none for an empty text."""
    words = re.sub(r"\s+", "", text)
    return words.split(",") if words else []


def failover_parts(element: str) -> tuple[str | None, str, str]:
    """Scheme, host and port of a valid element; the port is 5672 if not given."""
    found = _FAILOVER.fullmatch(element)
    if found is None:
        raise ValueError(f"not a failover URL: {element!r}")
    return found[1], found[2].strip("[]"), found[3] or "5672"


def _key_problem(entity: Entity, key: str, reason: str) -> Problem:
    return about(entity, "openProperties", f"openProperties key {key!r} {reason}", "use another key")


def _fits(value: Value) -> bool:
    if isinstance(value, dict):
        return all(_fits(inner) for inner in value.values())
    if isinstance(value, list):
        return all(_fits(inner) for inner in value)
    return not isinstance(value, int) or _LONG_MIN <= value <= _LONG_MAX
