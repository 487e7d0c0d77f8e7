"""How a connection looks in log lines and in connectionMsg: pure. Texts: spec/texts.md, captured logs."""

from __future__ import annotations

import re
import uuid

from skrouter.amqp.types import Array, Described, Symbol
from skrouter.config.model import AmqpPort
from skrouter.router.core.facts import ROLE_NORMAL, ConnectionFacts

_PLAIN_SYMBOL = re.compile(r"[A-Za-z][A-Za-z0-9]*\Z")


def opened(facts: ConnectionFacts) -> str:
    """`Connection Opened: …` without the properties, as connectionMsg has it."""
    return (
        f"Connection Opened: dir={'in' if facts.incoming else 'out'} host={facts.host}"
        f" encrypted={facts.tls_protocol or 'no'} auth={facts.mechanism or 'no'}"
        f" user={facts.user or '(null)'} container_id={facts.container}"
    )


def failed(place: str, condition: str, description: str) -> str:
    """`Connection from … failed: …`; `place` is `from HOST:PORT (to HOST:PORT)` or `to HOST:PORT`."""
    reason = f"{condition} {description}".strip()
    return f"Connection {place} failed: {reason}" if reason else f"Connection {place} failed"


def configured(port: AmqpPort) -> str:
    """What follows `Configured  Listener: `."""
    tls = f", sslProfile={port.ssl_profile}" if port.ssl_profile else ""
    return f"{port.host}:{port.port} proto=any, role={port.role}{tls}"


def level(facts: ConnectionFacts) -> str:
    """The level of Connection Opened and Closed: clients come and go too often for info."""
    return "debug" if facts.role == ROLE_NORMAL else "info"


def value(item: object) -> str:
    """An AMQP value in the engine's notation: `{:product="x", :"qd.conn-id"=3}`."""
    match item:
        case None:
            return "null"
        case bool():
            return "true" if item else "false"
        case Symbol():
            return f":{item}" if _PLAIN_SYMBOL.match(item) else f":{_quoted(item)}"
        case str():
            return _quoted(item)
        case bytes():
            return "b" + _quoted(item.decode("latin-1"))
        case float():
            return f"{float(item):g}"
        case list():
            return f"[{', '.join(map(value, item))}]"
        case dict():
            return f"{{{', '.join(f'{value(key)}={value(entry)}' for key, entry in item.items())}}}"
        case Array():
            return f"@PN_ARRAY[{', '.join(map(value, item.values))}]"
        case Described():
            return f"@{value(item.descriptor)} {value(item.value)}"
        case uuid.UUID():
            return str(item)
        case _:
            return str(item)


def _quoted(text: str) -> str:
    """In double quotes; what could break a line of the log is escaped."""
    shown = (character if character.isprintable() else f"\\x{ord(character):02x}" for character in text)
    return '"' + "".join(shown).replace('"', '\\"') + '"'
