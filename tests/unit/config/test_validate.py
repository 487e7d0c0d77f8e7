"""Every rule, with the text that scripts know, at the attribute it is about."""

from collections.abc import Callable

import pytest
from skrouter.config.configuration import Draft
from skrouter.config.errors import Problem
from skrouter.config.parser import parse
from skrouter.config.schema import load_schema

INTERIOR = "router {\n mode: interior\n id: A\n}\n"
EDGE = "router {\n mode: edge\n id: E\n}\n"
TLS = "sslProfile {\n name: tls\n}\n"
Check = Callable[[str], Draft]


def check(text: str) -> Draft:
    """A draft of this text, checked."""
    draft = Draft(load_schema(), "a.conf")
    parsed = parse(text, "a.conf")
    assert parsed.problems == []
    draft.add_sections(parsed.sections, lambda mode: f"{mode}-id")
    draft.check()
    return draft


def only(text: str) -> Problem:
    """The one problem of this text."""
    [problem] = check(text).problems
    return problem


def section(name: str, *lines: str) -> str:
    """A section in brace form."""
    return "\n".join((f"{name} {{", *(f" {line}" for line in lines), "}", ""))


THROUGH = section("connector", "proxyProfile: p")


def listener(*lines: str) -> str:
    return section("listener", "port: 1", *lines)


@pytest.mark.parametrize(
    ("text", "kind", "beginning", "attribute"),
    [
        ("", None, None, None),
        (
            section("router", "id: a|b"),
            "AttributeError",
            "Router id attribute containing character '|'",
            "id",
        ),
        (
            section("router", "id: a$b"),
            "AttributeError",
            "Router id attribute containing character '$'",
            "id",
        ),
        (
            section("router", "id: a b"),
            "AttributeError",
            "Router id attribute containing character ' '",
            "id",
        ),
        (
            section("router", "id: a\\u00a0b"),
            "AttributeError",
            "Router id attribute containing character",
            "id",
        ),
        (section("router", "id:"), "AttributeError", "Router id is empty", "id"),
        (section("router", "id: A") * 2, "ValidationError", "Adding router singleton RouterEntity(", None),
        (
            section("router", "helloIntervalSeconds: 0"),
            "ValidationError",
            "io.skupper.router.router: Invalid",
            None,
        ),
        (section("policy") * 2, "ValidationError", "Adding policy singleton PolicyEntity(", None),
        (section("nosuch"), "ValidationError", "No such entity type 'io.skupper.router.nosuch'", None),
        (section("exchange"), "ValidationError", "No such entity type 'io.skupper.router.exchange'", None),
        (section("connection"), "ValidationError", "Entity type 'io.skupper.router.connection' cannot", None),
        (
            listener("bogus: 1"),
            "ValidationError",
            "Unknown attribute 'bogus' for 'io.skupper.router.listener'",
            "bogus",
        ),
        (
            section("log", "enable: info+"),
            "ValidationError",
            "io.skupper.router.log: Missing required attribute 'module'",
            "module",
        ),
        (
            section("log", "module: NONE"),
            "ValidationError",
            "io.skupper.router.log: Invalid value for enum['ROUTER', ",
            "module",
        ),
        (
            section("log", "module: DEFAULT", "enable: loud"),
            "Configuration",
            "'loud' is not a valid log level. "
            "Should be one of {none, debug, info, warning, error, critical}.",
            "enable",
        ),
        (listener("role: inter-router"), "ValidationError", "role='inter-router' not allowed", "role"),
        (listener("role: edge"), "ValidationError", "role='edge' not allowed", "role"),
        (
            EDGE + listener("role: inter-router"),
            "ValidationError",
            "role='inter-router' only allowed with",
            "role",
        ),
        (EDGE + listener("role: edge"), "ValidationError", "role='edge' only allowed with", "role"),
        (EDGE + section("connector", "role: edge"), None, None, None),
        (INTERIOR + listener("role: edge"), None, None, None),
        (INTERIOR + listener("role: inter-router"), None, None, None),
        (listener("cost: 0"), "Configuration", "Invalid cost 0 ", "cost"),
        (listener("cost: 2147483648"), "Configuration", "Invalid cost 2147483648 ", "cost"),
        (listener("cost: 2147483647"), None, None, None),
        (listener("maxFrameSize: 511"), "Configuration", "Invalid maxFrameSize 511 ", "maxFrameSize"),
        (listener("maxFrameSize: 512"), None, None, None),
        (listener("maxFrameSize: 0"), None, None, None),
        (listener("maxSessions: 32769"), "Configuration", "Invalid maxSessions 32769 ", "maxSessions"),
        (listener("maxSessions: -1"), "Configuration", "Invalid maxSessions -1 ", "maxSessions"),
        (listener("maxSessionFrames: 1"), "Configuration", "Invalid maxSessionFrames 1 ", "maxSessionFrames"),
        (
            listener("idleTimeoutSeconds: -1"),
            "ValidationError",
            "io.skupper.router.listener: Invalid integer",
            None,
        ),
        (
            listener("cost: x"),
            "ValidationError",
            "io.skupper.router.listener: Invalid integer value: 'x'",
            "cost",
        ),
        (
            listener("http: x"),
            "ValidationError",
            "io.skupper.router.listener: Invalid boolean value: 'x'",
            "http",
        ),
        (section("listener", "port: 65536"), "Configuration", "Invalid port '65536'", "port"),
        (section("listener", "port:"), "Configuration", "Invalid port ''", "port"),
        (section("listener", "port: a b"), "Configuration", "Invalid port 'a b'", "port"),
        (section("listener", "port: amqps"), None, None, None),
        (listener("sslProfile: tls"), "Configuration", "sslProfile 'tls' not found", "sslProfile"),
        (listener("sslProfile: tls") + TLS, None, None, None),
        (
            section("connector", "proxyProfile: p"),
            "Configuration",
            "proxyProfile 'p' not found",
            "proxyProfile",
        ),
        (THROUGH + section("proxyProfile", "name: p", "host: h", "port: 3128"), None, None, None),
        (section("proxyProfile", "name: p"), None, None, None),
        (
            THROUGH + section("proxyProfile", "name: p", "host: h"),
            "Configuration",
            "proxyProfile 'p' has no port, but connector",
            "port",
        ),
        (
            THROUGH + section("proxyProfile", "name: p", "port: 1"),
            "Configuration",
            "proxyProfile 'p' has no host, but connector",
            "host",
        ),
        (
            THROUGH + section("proxyProfile", "name: p", "host: h", "port: 65536"),
            "Configuration",
            "Invalid port '65536' for proxyProfile 'p'",
            "port",
        ),
        (
            THROUGH + section("proxyProfile", "name: p", "host: h", "port: 1", "username: a:b"),
            "Configuration",
            "Invalid username for proxyProfile 'p'",
            "username",
        ),
        (listener("failoverUrls: a,"), "Configuration", "Invalid failoverUrls element ''", "failoverUrls"),
        (listener("failoverUrls: ftp://a"), "Configuration", "Invalid failoverUrls element 'ftp://a'", None),
        (listener("failoverUrls: amqps://a:1, b, ws://[::1]:x"), None, None, None),
        (listener('openProperties: { "a": 1 }'), None, None, None),
        (
            INTERIOR + listener("role: edge", 'openProperties: { "a": 1 }'),
            "ValidationError",
            "openProperties not allowed for role edge",
            "openProperties",
        ),
        *(
            (
                listener(f'openProperties: {{ "{key}": 1 }}'),
                "ValidationError",
                f"openProperties key '{key}'",
                None,
            )
            for key in (
                *("product", "version", "failover-server-list", "network-host", "port"),
                *("qd.x", "x-opt-qd.x", "ä"),
            )
        ),
        (listener('openProperties: { "scheme": 1 }'), None, None, None),
        (
            listener('openProperties: { "a": [' + "9" * 20 + "] }"),
            "ValidationError",
            "openProperties value of key 'a'",
            None,
        ),
        (
            listener("openProperties: x"),
            "ValidationError",
            "io.skupper.router.listener: Invalid map value",
            None,
        ),
        (
            section("address", "prefix: a", "pattern: b"),
            "ValidationError",
            "Cannot specify both a 'prefix' and a 'pattern' attribute",
            "pattern",
        ),
        (
            section("address"),
            "ValidationError",
            "Either a 'prefix' or 'pattern' attribute must be provided",
            None,
        ),
        (section("address", "prefix: /"), "ValidationError", "Prefix invalid - no tokens", "prefix"),
        (section("address", "pattern: ./."), "ValidationError", "Pattern invalid - no tokens", "pattern"),
        (
            section("address", "prefix: " + "a/" * 200),
            "ValidationError",
            "Prefix invalid - too many tokens",
            None,
        ),
        (
            section("address", "prefix: a") + section("address", "pattern: a/#"),
            "ValidationError",
            "Address pattern 'a/#' is already configured",
            "pattern",
        ),
        (
            section("address", "prefix: a", "priority: 10"),
            "ValidationError",
            "Priority value, if present, must be between 0 and QDR_MAX_PRIORITY",
            "priority",
        ),
        (section("address", "prefix: a", "priority: 9"), None, None, None),
        (
            section("autoLink", "direction: in", "connection: a", "containerId: b"),
            "ValidationError",
            "Both connection and containerId cannot be specified. Specify only one",
            "containerId",
        ),
        (
            section("autoLink", "direction: out"),
            "ValidationError",
            "address field is only optional if direction is incoming",
            "address",
        ),
        (section("autoLink", "direction: in"), None, None, None),
        (
            section("autoLink"),
            "ValidationError",
            "io.skupper.router.router.config.autoLink: Missing required attribute 'direction'",
            "direction",
        ),
        (
            section("sslProfile", "name: t", "ordinal: 1", "oldestValidOrdinal: 2"),
            "Configuration",
            "ordinal must be >= oldestValidOrdinal (sslProfile 't')",
            "oldestValidOrdinal",
        ),
        (
            section("sslProfile", "name: t", "oldestValidOrdinal: -1"),
            "Configuration",
            "Negative ordinal field values are invalid",
            "oldestValidOrdinal",
        ),
        (
            section("tcpListener", "port: 1"),
            "Configuration",
            "Exactly one of the 'address' or 'multiAddressStrategy' field must be set",
            "address",
        ),
        (
            section("tcpListener", "port: 1", "address: a", "multiAddressStrategy: priority"),
            "Configuration",
            "Exactly one of the 'address' or 'multiAddressStrategy' field must be set",
            "address",
        ),
        (section("tcpListener", "port: 1", "multiAddressStrategy: weighted"), None, None, None),
        (section("tcpListener", "address: a"), "Python", "KeyError: ('port',)", "port"),
        (section("tcpConnector", "port: 1"), "Configuration", "Address must be set", "address"),
        (section("tcpConnector", "address: a"), "Python", "KeyError: ('port',)", "port"),
        (
            section("tcpConnector", "port: 1", "address: a", "sslProfile: x"),
            "Configuration",
            "sslProfile 'x' not found",
            "sslProfile",
        ),
        (
            section("listenerAddress", "address: a", "value: 1", "listener: x"),
            "Configuration",
            "tcpListener 'x' not found",
            "listener",
        ),
        (
            section("tcpListener", "name: x", "port: 1", "address: b")
            + section("listenerAddress", "address: a", "value: 1", "listener: x"),
            "Configuration",
            "tcpListener 'x' is not a multi-address listener",
            "listener",
        ),
        (
            section("tcpListener", "name: x", "port: 1", "multiAddressStrategy: priority")
            + section("listenerAddress", "address: a", "value: 1", "listener: x"),
            None,
            None,
            None,
        ),
        (
            listener("name: x") + section("connector", "name: x"),
            "ValidationError",
            "adding ListenerEntity(authenticatePeer=False, cost=1, ",
            "name",
        ),
        (
            listener() + section("listener", "port: 1"),
            "ValidationError",
            "adding ListenerEntity(",
            "name",
        ),
        (section("log", "module: DEFAULT") * 2, "ValidationError", "adding LogEntity(", "name"),
        (
            listener("name: x") + listener("name: y"),
            "Configuration",
            "listener 'y' has host and port of listener 'x' of line 1",
            "port",
        ),
        (listener("name: x") + listener("name: y", "host: 127.0.0.1"), None, None, None),
        (
            listener("name: x", "socketAddressFamily: IPv4")
            + listener("name: y", "socketAddressFamily: IPv6"),
            None,
            None,
            None,
        ),
        (
            section("listener", "port: 0", "name: x") + section("listener", "port: 0", "name: y"),
            None,
            None,
            None,
        ),
        (section("router", "id: " + "a" * 253), None, None, None),
        (section("router", "id: " + "a" * 254), "AttributeError", "Router id has 254 octets", "id"),
        (section("network", "networkId: a/b"), "ValidationError", "networkId 'a/b' has a slash", "networkId"),
        (
            section("network", "networkId: " + "ä" * 128),
            "ValidationError",
            "networkId has 256 octets",
            "networkId",
        ),
        (section("network", "networkId: net-A"), None, None, None),
        (
            section("vhost", "hostname: v", 'groups: { "g": 1 }'),
            "PolicyError",
            "Policy 'v' is invalid: group 'g' is not a map",
            "groups",
        ),
        (
            section("vhost", "hostname: v", "groups: {", '"g": {', '"maxSenders": "many"', "}", "}"),
            "PolicyError",
            "Policy 'v' is invalid: group 'g' setting 'maxSenders': Invalid integer value: 'many'",
            "groups",
        ),
        (
            section(
                "vhost",
                "hostname: v",
                "groups: {",
                '"g": {',
                '"sources": "a",',
                '"sourcePattern": "b"',
                "}",
                "}",
            ),
            "PolicyError",
            "Policy 'v' is invalid: group 'g' has both sources and sourcePattern",
            "groups",
        ),
        (
            section(
                *("vhost", "hostname: v", "groups: {", '"g": {', '"users": "a, b"', "},"),
                *('"h": {', '"users": "b"', "}", "}"),
            ),
            "PolicyError",
            "Policy 'v' is invalid: user 'b' is in group 'g' and in group 'h'",
            "groups",
        ),
        (
            section("vhost", "hostname: v") + section("vhost", "hostname: w", "aliases: x, v"),
            "PolicyError",
            "Policy 'w' is invalid: alias 'v' is already in use",
            "aliases",
        ),
        (
            section("vhost", "aliases: x"),
            "ValidationError",
            "io.skupper.router.vhost: Missing required attribute 'hostname'",
            "hostname",
        ),
    ],
)
def test_a2_a_configuration_is_accepted_or_refused_in_known_words(
    text: str, kind: str | None, beginning: str | None, attribute: str | None
) -> None:
    problems = check(text).problems
    if beginning is None:
        assert problems == []
        return
    [problem] = problems
    assert problem.kind == kind
    assert problem.text.startswith(beginning)
    assert problem.remedy
    assert problem.file == "a.conf"
    assert problem.line is not None
    if attribute:
        assert problem.attribute == attribute


def test_a_problem_is_at_the_line_of_its_attribute_or_of_its_section() -> None:
    assert only(section("router", "id: A") + "\n" + listener("cost: 0")).line == 7
    assert only(section("router", "id: A") + "\n" + section("address")).line == 5


def test_a_duplicate_names_both_entities_and_no_password() -> None:
    text = section("sslProfile", "name: x", "password: geheim") * 2
    problem = only(text)
    assert problem.text == (
        "adding SslProfileEntity(identity=sslProfile/x, name=x, type=io.skupper.router.sslProfile) "
        "duplicates unique attribute 'name' from existing "
        "SslProfileEntity(identity=sslProfile/x, name=x, type=io.skupper.router.sslProfile)"
    )
    assert "line 1" in problem.remedy


@pytest.mark.parametrize(
    ("text", "line", "fragment"),
    [
        (section("router", "vanId: x"), 2, "'vanId' is deprecated"),
        (
            section("router", "dataConnectionCount: many"),
            2,
            "Invalid dataConnectionCount 'many', auto is used",
        ),
        (
            section("sslProfile", "name: t", "uidFormat: 1x"),
            3,
            "Invalid format for uidFormat field in sslProfile 't': 1x",
        ),
        (section("sslProfile", "name: t", "uidFormat: 12"), 3, "Invalid format for uidFormat field"),
        (section("sslProfile", "name: t", "uidFormat: cslouncs"), 3, "Invalid format for uidFormat field"),
        (section("connector", "connectionMsg: x"), 2, "The router sets 'connectionMsg'"),
        (
            section("vhost", "hostname: v", "groups: {", '"g": {', '"what": 1', "}", "}"),
            3,
            "setting 'what' of group 'g' is unknown",
        ),
    ],
)
def test_what_is_accepted_but_has_no_effect_is_a_warning(text: str, line: int, fragment: str) -> None:
    draft = check(text)
    assert draft.problems == []
    [warning] = draft.warnings
    assert warning.line == line
    assert fragment in warning.text


@pytest.mark.parametrize("uid_format", ["1", "csloun5", "n"])
def test_a_valid_uid_format_is_no_warning(uid_format: str) -> None:
    assert check(section("sslProfile", "name: t", f"uidFormat: {uid_format}")).warnings == []
