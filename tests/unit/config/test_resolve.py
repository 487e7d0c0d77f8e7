"""What defaults mean, and that typed objects carry what was written."""

import pytest
from skrouter.config.configuration import Draft
from skrouter.config.levels import LEVELS
from skrouter.config.model import Configuration, FailoverHost
from skrouter.config.parser import parse
from skrouter.config.schema import Value, load_schema


def configuration(text: str) -> Configuration:
    """The configuration of a valid text."""
    draft = Draft(load_schema(), "a.conf")
    draft.add_sections(parse(text, "a.conf").sections, lambda mode: f"{mode}-id")
    draft.check()
    assert draft.problems == []
    return draft.finish()


def section(name: str, *lines: str) -> str:
    """A section in brace form."""
    return "\n".join((f"{name} {{", *(f" {line}" for line in lines), "}", ""))


INTERIOR = section("router", "mode: interior", "id: A")


def test_a2_an_empty_file_is_a_standalone_router_with_a_given_id_and_defaults() -> None:
    config = configuration("")
    assert (config.router.id, config.router.mode) == ("standalone-id", "standalone")
    assert config.router.name == config.router.identity == "router/standalone-id"
    assert (config.network.identity, config.policy.identity) == ("network/0", "policy/None")
    assert (config.network.network_id, config.network.tenant_id, config.site) == (None, None, None)
    assert config.policy.max_connections == 65535
    assert (config.policy.policy_dir, config.policy.default_vhost) == (None, "$default")
    assert config.listeners == ()
    assert len(config.logs) == len({log.module for log in config.logs}) == 23


@pytest.mark.parametrize(
    ("lines", "count", "calculated"),
    [
        ([], 2, True),
        (["workerThreads: 7"], 4, True),
        (["workerThreads: 2"], 1, True),
        (["dataConnectionCount: 0"], 0, False),
        (["dataConnectionCount: 5"], 5, False),
        (["dataConnectionCount: x"], 2, True),
        (["dataConnectionCount: -1"], 2, True),
    ],
)
def test_b14_data_connections_are_counted_or_calculated(
    lines: list[str], count: int, calculated: bool
) -> None:
    router = configuration(section("router", "id: A", *lines)).router
    assert (router.data_connection_count, router.data_connections_calculated) == (count, calculated)


@pytest.mark.parametrize("network_id", ["0", ""])
def test_network_id_zero_or_empty_is_none(network_id: str) -> None:
    assert configuration(section("network", f"networkId: {network_id}")).network.network_id is None


def test_the_tenant_is_the_network_s_or_else_the_router_s_van_id() -> None:
    old = section("router", "id: A", "vanId: old")
    assert configuration(old).network.tenant_id == "old"
    assert configuration(old + section("network", "tenantId: new")).network.tenant_id == "new"


@pytest.mark.parametrize(
    ("lines", "frame_size", "sessions", "frames", "capacity"),
    [
        ([], 16384, 32768, 512, 250),
        (["role: edge"], 16384, 32768, 8192, 250),
        (["role: inter-router"], 16384, 32768, 8192, 250),
        (["role: route-container"], 16384, 32768, 8192, 250),
        (
            ["maxFrameSize: 0", "maxSessions: 0", "maxSessionFrames: 0", "linkCapacity: 0"],
            16384,
            32768,
            512,
            250,
        ),
        (["maxFrameSize: 2147483647"], 2147483647, 32768, 2, 250),
        (["maxFrameSize: 4096", "maxSessions: 4", "maxSessionFrames: 5", "linkCapacity: 9"], 4096, 4, 5, 9),
    ],
)
def test_b6_limits_of_zero_or_not_given_have_a_meaning_by_role(
    lines: list[str], frame_size: int, sessions: int, frames: int, capacity: int
) -> None:
    config = configuration(INTERIOR + section("listener", "port: 1", *lines))
    [listener] = config.listeners
    assert (listener.max_frame_size, listener.max_sessions) == (frame_size, sessions)
    assert (listener.max_session_frames, listener.link_capacity) == (frames, capacity)


@pytest.mark.parametrize(
    "role", ["normal", "route-container", "inter-router", "edge", "inter-edge", "inter-network"]
)
@pytest.mark.parametrize("strip", ["in", "out", "both", "no"])
def test_b17_annotations_are_stripped_as_written_but_never_between_routers(role: str, strip: str) -> None:
    text = INTERIOR + section("connector", f"role: {role}", f"stripAnnotations: {strip}")
    [connector] = configuration(text).connectors
    strips = role in ("normal", "route-container")
    assert connector.strip_inbound == (strips and strip in ("in", "both"))
    assert connector.strip_outbound == (strips and strip in ("out", "both"))


def test_require_ssl_and_http_root_dir_imply_encryption_and_http() -> None:
    text = section("listener", "port: 1", "requireSsl: yes", "httpRootDir: /x") + section(
        "listener", "port: 2"
    )
    implied, plain = configuration(text).listeners
    assert (implied.require_encryption, implied.http) == (True, True)
    assert (plain.require_encryption, plain.http) == (False, False)


def test_b5_failover_urls_are_taken_apart() -> None:
    [listener] = configuration(section("listener", "failoverUrls: amqps://a:1, b,ws://[::1]:x")).listeners
    assert listener.failover_urls == (
        FailoverHost("amqps", "a", "1"),
        FailoverHost(None, "b", "5672"),
        FailoverHost("ws", "::1", "x"),
    )


def test_listeners_and_connectors_have_the_defaults_of_the_schema() -> None:
    config = configuration(section("listener") + section("connector", "name: c"))
    [listener], [connector] = config.listeners, config.connectors
    assert (listener.host, listener.port, listener.identity) == ("", "amqp", "listener/:amqp")
    assert (connector.host, connector.port) == ("127.0.0.1", "amqp")
    assert (connector.name, connector.identity) == ("c", "connector/127.0.0.1:amqp:c")
    assert connector.idle_timeout_seconds == listener.idle_timeout_seconds == 16
    assert (connector.verify_hostname, listener.authenticate_peer) == (True, False)
    assert (listener.cost, listener.role, listener.ssl_profile, listener.open_properties) == (
        1,
        "normal",
        None,
        {},
    )


@pytest.mark.parametrize(
    ("line", "pattern"), [("prefix: mc", "mc/#"), ("prefix: /a.b/", "a/b/#"), ("pattern: a.*/#", "a/*/#")]
)
def test_d2_a_prefix_or_pattern_is_one_pattern(line: str, pattern: str) -> None:
    [address] = configuration(section("address", line, "priority: 0")).addresses
    assert (address.pattern, address.priority, address.distribution) == (pattern, 0, "balanced")
    assert (address.name, address.identity) == (None, "router.config.address/0")


def test_log_modules_inherit_and_default_has_a_value_everywhere() -> None:
    logs = {log.module: log for log in configuration(section("log", "module: SERVER", "enable: error")).logs}
    server, default, agent = logs["SERVER"], logs["DEFAULT"], logs["AGENT"]
    assert (server.levels, server.output_file, server.include_timestamp) == (frozenset({"error"}), None, None)
    assert default.levels == frozenset(LEVELS) - {"debug"}
    assert (default.include_timestamp, default.include_source, default.output_file) == (True, False, "stderr")
    assert (agent.levels, agent.identity) == (None, "log/AGENT")


def test_default_enabled_as_default_is_info_and_above() -> None:
    text = section("log", "module: DEFAULT", "enable: default", "includeTimestamp: no", "outputFile: x")
    [default] = [log for log in configuration(text).logs if log.module == "DEFAULT"]
    assert default.levels == frozenset(LEVELS) - {"debug"}
    assert (default.include_timestamp, default.output_file) == (False, "x")


def test_tcp_entities_are_typed() -> None:
    config = configuration(
        section("tcpListener", "port: 1", "address: a", "backlog: -5")
        + section("tcpListener", "name: m", "port: 2", "multiAddressStrategy: priority")
        + section("tcpConnector", "port: 3", "address: a", "processId: p")
        + section("listenerAddress", "listener: m", "address: b", "value: 7")
    )
    one, several = config.tcp_listeners
    assert (one.address, one.host, one.port, one.backlog, one.observer) == ("a", "", "1", 0, "auto")
    assert one.name == one.identity == "tcpListener/:1"
    assert (several.address, several.multi_address_strategy) == (None, "priority")
    [connector], [address] = config.tcp_connectors, config.listener_addresses
    assert (connector.address, connector.host, connector.process_id) == ("a", "127.0.0.1", "p")
    assert connector.verify_hostname
    assert (address.listener, address.address, address.value) == ("m", "b", 7)
    assert address.identity == "listenerAddress/m:b"


def test_a_uid_format_that_is_ignored_is_none() -> None:
    text = section("sslProfile", "name: a", "uidFormat: bad") + section(
        "sslProfile", "name: b", "uidFormat: n1"
    )
    profiles = configuration(text).ssl_profiles
    assert (profiles["a"].uid_format, profiles["b"].uid_format) == (None, "n1")
    assert (profiles["a"].ordinal, profiles["a"].oldest_valid_ordinal) == (0, 0)


def test_vhost_groups_are_converted_and_unknown_settings_left_out() -> None:
    groups = '{ "$default": { "maxSenders": "2", "allowDynamicSource": "yes", "what": 1 } }'
    text = f'[["vhost", {{"hostname": "v", "aliases": "a, b", "maxMessageSize": 9, "groups": {groups}}}]]'
    draft = Draft(load_schema(), "a.json")
    draft.add_sections(parse(text, "a.json").sections, str)
    draft.check()
    [vhost] = draft.finish().vhosts
    expected: dict[str, Value] = {"maxSenders": 2, "allowDynamicSource": True}
    assert (vhost.groups, vhost.aliases, vhost.max_message_size) == ({"$default": expected}, ("a", "b"), 9)


def test_passwords_do_not_show() -> None:
    config = configuration(
        section("sslProfile", "name: a", "password: geheim")
        + section("connector", "saslPassword: geheim")
        + section("proxyProfile", "name: p", "password: geheim")
    )
    assert config.ssl_profiles["a"].password == config.connectors[0].sasl_password == "geheim"
    assert "geheim" not in repr(config)
