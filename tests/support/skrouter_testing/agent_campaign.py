"""Lives of random entities under a management agent, with nonsense between the steps: one case each.

A case makes a valid entity of some type and takes it through CREATE, READ, QUERY, UPDATE and DELETE; before
each step comes a request that is wrong in some way, which must be refused with a reason and change nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final, Protocol

from skrouter.amqp.message import Message, Properties, decode_message, encode_message
from skrouter.config.schema import Attribute
from skrouter.mgmt.agent import Agent
from skrouter.mgmt.agent.request import bare

from skrouter_testing.fake_router import FakeRouter, reference_schema

SCHEMA = reference_schema()
PREFIX: Final = "io.skupper.router."
REFERENCE_FAULTS: Final = ("CError: ", "AttributeError: ", "Duplicate (")
"""How answers with code 500 begin that skupper-router gives too."""


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer."""

    status: int
    description: str
    body: Any


class Target(Protocol):
    """An agent and what can be seen of its router."""

    def ask(self, properties: Mapping[str, Any], body: object) -> Answered:
        """The answer; AssertionError if there is none."""

    def state(self) -> object:
        """Something that is equal as long as nothing has changed."""


class InProcess:
    """An agent over rows of facts."""

    def __init__(self) -> None:
        self.router = FakeRouter()
        self._agent = Agent(self.router, SCHEMA, self.router)

    def ask(self, properties: Mapping[str, Any], body: object) -> Answered:
        """Through the octets of request and answer."""
        message = Message(
            properties=Properties(reply_to="r"), application_properties=dict(properties), body=body
        )
        response = self._agent.handle(encode_message(message), now=0.0)
        assert response is not None, f"no answer to {properties}"
        assert response.fault is None, response.fault
        answer = decode_message(response.content)
        found: Any = bare(answer.application_properties or {})
        return Answered(int(found["statusCode"]), str(found["statusDescription"]), bare(answer.body))

    def state(self) -> object:
        """All facts."""
        return {kind: list(rows) for kind, rows in self.router.rows.items() if rows}


# --- valid entities

_TEXTS: Final[Mapping[str, Callable[[Random], object]]] = {
    "host": lambda _: "127.0.0.1",
    "port": lambda source: source.choice(["0", "1", "2"]),
    "role": lambda source: source.choice(["normal", "route-container"]),
    "socketAddressFamily": lambda _: "IPv4",
    "saslMechanisms": lambda source: source.choice(["ANONYMOUS", "ANONYMOUS PLAIN"]),
    "failoverUrls": lambda source: source.choice(["a", "amqp://a:1, amqps://b"]),
    "messageLoggingComponents": lambda source: source.choice(["none", "all", "to,subject"]),
    "cost": lambda source: source.choice([1, 7, 2147483647]),
    "maxFrameSize": lambda source: source.choice([0, 512, 65536]),
    "maxSessions": lambda source: source.choice([0, 1, 32768]),
    "maxSessionFrames": lambda source: source.choice([0, 2, 1000]),
    "priority": lambda source: source.randrange(10),
    "ordinal": lambda source: source.randrange(5, 10),
    "oldestValidOrdinal": lambda source: source.randrange(5),
    "uidFormat": lambda source: source.choice(["n", "ou1"]),
    "saslPassword": lambda _: "pass:secret",
    "password": lambda _: "pass:secret",
    "openProperties": lambda source: {"a": source.randrange(9)},
    "groups": lambda source: {"g": {"users": "*", "remoteHosts": "*", "maxSenders": source.randrange(9)}},
    "aliases": lambda source: f"alias-{source.randrange(10**9)}",
    "value": lambda source: source.randrange(1, 9),
    "backlog": lambda source: source.randrange(64),
}
_LEFT_OUT: Final = (
    *("sslProfile", "proxyProfile", "http", "httpRootDir", "requireSsl", "requireEncryption"),
    *("authenticatePeer", "uidNameMappingFile", "multiAddressStrategy", "name"),
)
"""They need something else to be there."""
_HIDDEN: Final = ("saslPassword", "password")

_NEEDED: Final[Mapping[str, Callable[[str, Random], dict[str, object]]]] = {
    "listener": lambda _, __: {"host": "127.0.0.1", "port": "0"},
    "connector": lambda _, __: {"host": "127.0.0.1", "port": "1"},
    "sslProfile": lambda _, __: {"ordinal": 7},
    "proxyProfile": lambda _, __: {"host": "h", "port": "1"},
    "router.config.address": lambda tag, source: {source.choice(["prefix", "pattern"]): tag},
    "router.config.autoLink": lambda tag, source: {
        "address": tag,
        "direction": source.choice(["in", "out"]),
        source.choice(["containerId", "connection"]): "c",
    },
    "tcpListener": lambda tag, _: {"host": "127.0.0.1", "port": "0", "address": tag},
    "tcpConnector": lambda tag, _: {"host": "127.0.0.1", "port": "1", "address": tag},
    "vhost": lambda tag, _: {"hostname": tag},
}
KINDS: Final = tuple(_NEEDED)
"""Types that clients may make."""


def valid(kind: str, tag: str, source: Random) -> dict[str, object]:
    """Attributes of an entity that can be; `tag` makes it different from all others."""
    made = _NEEDED[kind](tag, source)
    core = kind.startswith("router.config.")
    for attribute in SCHEMA.entity_type(kind).attributes.values():
        wanted = attribute.create and not attribute.status and source.random() < 0.4
        exclusive = core and attribute.name not in ("distribution", "priority", "externalAddress")
        if wanted and attribute.name not in (*made, *_LEFT_OUT) and not exclusive:
            made[attribute.name] = value_of(attribute, source)
    return made


def value_of(attribute: Attribute, source: Random) -> object:
    """A value that the attribute may have."""
    if attribute.name in _TEXTS:
        return _TEXTS[attribute.name](source)
    if attribute.choices:
        return source.choice(attribute.choices)
    match attribute.type:
        case "boolean":
            return source.random() < 0.5
        case "integer":
            return max(attribute.minimum or 0, 1) + source.randrange(100)
        case "path":
            return f"/nonexistent/{source.randrange(100)}"
    return f"text {source.randrange(100)} äß"


# --- nonsense

_WRONG_VALUES: Final[tuple[Any, ...]] = ([1], {"a": []}, "äöü", -7, 2**63 - 1, "")


def nonsense(source: Random) -> tuple[dict[str, Any], object]:
    """A request that must be refused: properties and body."""
    kind = source.choice(KINDS)
    wrong: Any = source.choice(_WRONG_VALUES)
    long = PREFIX + kind
    core = kind.startswith("router.config.")
    node = {"type": "org.amqp.management", "name": "self"}
    requests: list[tuple[dict[str, Any], object]] = [
        ({"operation": f"op-{source.randrange(99)}", **node}, {}),
        ({"operation": source.choice([7, [], True]), **node}, {}),
        ({"type": long}, wrong),
        ({}, None),
        ({"operation": "READ", "type": long, "name": f"nobody-{source.randrange(99)}"}, {}),
        ({"operation": "DELETE", "type": long, "identity": f"{kind}/nobody"}, wrong),
        ({"operation": "UPDATE", "type": long, "name": "nobody"}, {}),
        ({"operation": "READ", "type": long}, wrong),
        ({"operation": "READ", "type": wrong if wrong else 3, "name": "x"}, {}),
        ({"operation": "READ", "type": long, "name": [1]}, {}),
        ({"operation": "CREATE", "type": PREFIX + "nosuch", "name": "x"}, {}),
        ({"operation": "CREATE", "type": long, "name": "x"}, source.choice([None, [1], "text", 7])),
        ({"operation": "CREATE", "type": PREFIX + "router", "name": "x"}, {"id": "x"}),
        ({"operation": "CREATE", "type": PREFIX + "log", "name": "x"}, {"module": "AGENT"}),
        ({"operation": "UPDATE", "type": PREFIX + "router", "name": "router/A"}, {"mode": "edge"}),
        ({"operation": "QUERY", "entityType": PREFIX + "log", **node}, {"attributeNames": wrong or 5}),
        ({"operation": "QUERY", "entityType": "nosuch", **node}, {"attributeNames": []}),
        ({"operation": "QUERY", "entityType": PREFIX + "connection", "count": [], **node}, {}),
        ({"operation": "GET-LOG", "limit": "many", **node}, {}),
        ({"operation": "GET-JSON-SCHEMA", "indent": 10**9, **node}, {}),
        _wrong_creation(kind, long, wrong, source) if not core else _wrong_core(long, source),
    ]
    return source.choice(requests)


def _wrong_creation(kind: str, long: str, wrong: object, source: Random) -> tuple[dict[str, Any], object]:
    """A CREATE with one mistake in an otherwise good body."""
    body = valid(kind, f"wrong-{source.randrange(10**9)}", source)
    mistakes: list[dict[str, object]] = [
        {"bogus": 1},
        {"identity": "mine"},
        {"type": "nosuch"},
        {"maxFrameSize": [1], "bytesIn": 4, "users": wrong, "ordinal": "x", "username": {}},
    ]
    for attribute in SCHEMA.entity_type(kind).attributes.values():
        if attribute.type in ("integer", "boolean", "enum") and attribute.create:
            mistakes.append({attribute.name: [1]})
    body |= source.choice(mistakes)
    return {"operation": "CREATE", "type": long, "name": f"wrong-{source.randrange(10**9)}"}, body


def _wrong_core(long: str, source: Random) -> tuple[dict[str, Any], object]:
    return {"operation": "CREATE", "type": long}, source.choice(
        [{}, {"prefix": "a", "pattern": "b"}, {"prefix": "/"}, {"direction": "both", "prefix": "//"}]
    )


# --- one case


def live(target: Target, source: Random) -> None:
    """One entity's life; AssertionError says what went wrong."""
    kind, tag = source.choice(KINDS), f"t{source.randrange(10**12)}"
    _refused(target, source)
    before = target.state()
    given = valid(kind, tag, source)
    name = None if kind.startswith("router.config.") and source.random() < 0.5 else f"n-{tag}"
    about: dict[str, Any] = {"type": PREFIX + kind} if name is None else {"type": PREFIX + kind, "name": name}
    made = _good(target, {"operation": "CREATE", **about}, given, 201)
    _shows(made, given)
    _refused(target, source)
    known = {"type": PREFIX + kind, "identity": made["identity"]}
    _shows(_good(target, {"operation": "READ", **known}, {}, 200), given)
    assert made["identity"] in _identities(target, kind)
    given |= _update(target, kind, known, given, source)
    _refused(target, source)
    _shows(_good(target, {"operation": "READ", **known}, {}, 200), given)
    _good(target, {"operation": "DELETE", **known}, {}, 204)
    assert target.ask({"operation": "READ", **known}, {}).status == 404
    assert made["identity"] not in _identities(target, kind)
    assert target.state() == before


def _update(
    target: Target, kind: str, known: dict[str, Any], given: dict[str, object], source: Random
) -> dict[str, object]:
    """Change what may change; what has changed."""
    entity_type = SCHEMA.entity_type(kind)
    free = [
        one
        for one in entity_type.attributes.values()
        if one.update and one.name not in _LEFT_OUT and one.name not in ("host", "port")
    ]
    changes = {one.name: value_of(one, source) for one in free if source.random() < 0.5}
    properties = {"operation": "UPDATE", **known}
    if "UPDATE" not in entity_type.operations:
        before = target.state()
        assert target.ask(properties, given).status == 501
        assert target.state() == before
        return {}
    _shows(_good(target, properties, changes, 200), {**given, **changes})
    return changes


def _good(target: Target, properties: dict[str, Any], body: object, status: int) -> dict[str, Any]:
    answer = target.ask(properties, body)
    assert answer.status == status, (properties, body, answer)
    assert isinstance(answer.body, dict)
    return answer.body


def _shows(row: Mapping[str, Any], given: Mapping[str, object]) -> None:
    for name, value in given.items():
        found = row.get(name)
        if isinstance(value, dict) and isinstance(found, dict):
            _shows(found, value)  # groups are shown with the defaults of what they leave out
        elif name not in _HIDDEN:
            assert found == value, (name, value, row)


def _identities(target: Target, kind: str) -> set[str]:
    properties = {
        "operation": "QUERY",
        "type": "org.amqp.management",
        "name": "self",
        "entityType": PREFIX + kind,
    }
    found = _good(target, properties, {"attributeNames": ["identity"]}, 200)
    return {str(row[0]) for row in found["results"]}


def _refused(target: Target, source: Random) -> None:
    properties, body = nonsense(source)
    before = target.state()
    answer = target.ask(properties, body)
    assert answer.status >= 400, (properties, body, answer)
    assert answer.description, (properties, body, answer)
    assert answer.status != 500 or answer.description.startswith(REFERENCE_FAULTS), answer
    assert target.state() == before, (properties, body, answer)


# --- as a campaign of `make fuzz`


def case(source: Random) -> bytes:
    """A case is the seed of its random choices."""
    return source.randbytes(8)


def judge(octets: bytes) -> None:
    """Live through the case."""
    live(InProcess(), Random(octets))
