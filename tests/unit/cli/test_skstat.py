"""skstat against the outputs of the reference's tool: facts read from a table give the same table again."""

import io
import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import pytest
from skrouter.cli.skstat import build_parser, run
from skrouter.mgmt.agent.facts import (
    AddressFacts,
    ConnectionFacts,
    LinkFacts,
    LogEntry,
    MetricsFacts,
    NodeFacts,
    VhostStatsFacts,
)
from skrouter.mgmt.agent.settings import AutoLinkFacts, NetworkFacts, VhostFacts
from skrouter.mgmt.client.settings import ConnectionSettings
from skrouter_testing.agent_transport import AgentTransport
from skrouter_testing.fake_router import FakeRouter
from skrouter_testing.table_facts import router_in
from skrouter_testing.tool_outputs import outputs, tables

OUTPUTS = outputs("skstat")


@pytest.fixture(autouse=True)
def _universal_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The outputs were recorded where local time is UTC."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def shown(
    arguments: list[str], routers: Mapping[str, FakeRouter], now: float = 0.0
) -> tuple[str, int, AgentTransport]:
    """What the program prints (without the final line end), its status, and the transport it used."""
    transport = AgentTransport(routers)
    out = io.StringIO()
    settings: list[ConnectionSettings] = []

    def connect(found: ConnectionSettings) -> AgentTransport:
        settings.append(found)
        return transport

    status = run(build_parser().parse_args(arguments), connect, out, now)
    return out.getvalue().removesuffix("\n"), status, transport


def time_in(text: str) -> float:
    stamp = text.split("\n", 1)[0].removesuffix(" UTC")
    return datetime.fromisoformat(stamp).timestamp() if re.match(r"\d{4}-", stamp) else 0.0


# --- one router -----------------------------------------------------------------------------------------

ALIGNED = [
    "-g",
    "-c",
    "-l",
    "-n",
    "-n -v",
    "-e",
    "-a",
    "-a -v",
    "-m",
    "-p",
    "--autolinks",
    "--vhosts",
    "--vhostgroups",
    "--vhoststats",
    "-g -v",
    "-c -v",
    "-r B -c",
    "-r B -n",
    "-r B -a",
    "-d E -a",
    "-d E -e",
    "-d E -g",
    "-d E -c",
    "-a --limit 3",
    "-l --limit 2",
    "127.0.0.1:21707 -n",
    "127.0.0.1:21707 -e",
    "127.0.0.1:21707 -l",
    "127.0.0.1:21707 -a",
    "127.0.0.1:21708 -n",
    "127.0.0.1:21708 -c",
    "127.0.0.1:21708 -a",
    "--all-entities",
]


@pytest.mark.parametrize("command", ALIGNED)
def test_g7_output_is_that_of_the_reference(command: str) -> None:
    expected = OUTPUTS[command]
    words = [word for word in command.split() if ":" not in word]
    options = build_parser().parse_args(words)
    lines = expected.text.split("\n")
    router = router_in(expected.text, lines[1] if len(lines) > 1 else "A")
    address_of = {"B": "_topo/0/B/$management", "E": "_edge/E/$management", None: "$management"}
    text, status, transport = shown(
        words, {address_of[options.router or options.edge_router]: router}, time_in(expected.text)
    )
    assert text == expected.text
    assert status == expected.status
    assert transport.closed


@pytest.mark.parametrize(("command", "aligned"), [("-g --csv", "-g"), ("-c --csv", "-c"), ("-n --csv", "-n")])
def test_g11_csv_is_that_of_the_reference(command: str, aligned: str) -> None:
    def without_live_values(text: str) -> str:
        text = re.sub(r"\d{3}:\d\d:\d\d:\d\d|[\d.]+ MiB|^\d{4}-.* UTC", "#", text)
        text = re.sub(r'"(Accepted|Ingress|Egress) Count","\d+"', r'"\1 Count",#', text)
        return re.sub(r'"(?:10|26)","127.0.0.1:\d+","[-0-9a-f]{36}"', "# tool", text)

    router = router_in(OUTPUTS[aligned].text, "A")
    text, status, _ = shown(command.split(), {"$management": router}, time_in(OUTPUTS[command].text))
    assert without_live_values(text) == without_live_values(OUTPUTS[command].text)
    assert status == 0


def test_csv_doubles_quotes_and_leaves_empty_cells_bare() -> None:
    router = FakeRouter({"connection": [ConnectionFacts(1, 'a"b', container=None)]})
    text, _, _ = shown(["-c", "--csv"], {"$management": router})
    assert text.split("\n")[-1].startswith('"1","a""b",,"normal"')


def test_log_lines_are_those_of_the_reference() -> None:
    expected = OUTPUTS["--log --limit 5"].text
    router = FakeRouter()
    for line in expected.split("\n"):
        match = re.fullmatch(r"(.{24}) (\w+) \((\w+)\) (.*)", line)
        assert match is not None
        when = int(datetime.strptime(match[1] + " +0000", "%a %b %d %H:%M:%S %Y %z").timestamp())
        router.log.append(LogEntry(match[2], match[3], match[4], None, None, when))
    router.log.insert(0, LogEntry("SERVER", "info", "older than the limit", None, None, 0))
    text, status, _ = shown(["--log", "--limit", "5"], {"$management": router})
    assert (text, status) == (expected, 0)


# --- several routers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["--all-routers -n", "--all-routers -c"])
def test_g11_all_routers_are_shown_one_after_the_other(command: str) -> None:
    expected = OUTPUTS[command].text
    first, second = re.split(r"(?m)^(?=Router  B$)", expected)
    a, b = router_in(first, "A"), router_in(second, "B")
    a.rows["router.node"] = a.rows["router.node"] or [NodeFacts("A", 0, 1), NodeFacts("B", 1, 1)]
    routers = {
        "$management": a,
        "_topo/0/A/$management": a,
        "_topo/0/B/$management": b,
    }
    text, status, _ = shown(command.split(), routers, time_in(expected))
    assert text + "\n" == expected + "\n"
    assert status == 0


def test_all_routers_of_an_edge_router_is_itself() -> None:
    router = FakeRouter({"routerMetrics": [MetricsFacts("E", "1")]})
    text, status, _ = shown(["--all-routers", "-c"], {"$management": router})
    assert text.split("\n")[1:] == ["Router  E", "", "Connections", ""]
    assert status == 0


def test_router_that_is_not_there_is_an_error() -> None:
    text, status, transport = shown(["-r", "nosuch", "-g"], {"$management": FakeRouter()})
    assert (text, status) == ("Timeout: Sending on sender _topo/0/nosuch/$management", 1)
    assert transport.closed


# --- values ---------------------------------------------------------------------------------------------


def cells_of(command: str, router: FakeRouter, title: str) -> list[dict[str, str]]:
    text, status, _ = shown(command.split(), {"$management": router})
    assert status == 0, text
    return tables(text)[title]


@pytest.mark.parametrize(
    ("facts", "security", "authentication"),
    [
        ({}, "no-security", "no-auth"),
        (
            {"is_encrypted": True, "ssl_proto": "TLSv1.3", "ssl_cipher": "AES"},
            "TLSv1.3(AES)",
            "no-auth",
        ),
        (
            {"is_encrypted": True, "is_authenticated": True, "sasl": "GSSAPI", "user": "u"},
            "Kerberos",
            "u(GSSAPI)",
        ),
        ({"is_authenticated": True, "sasl": "PLAIN", "user": "u@d"}, "no-security", "u@d(PLAIN)"),
        ({"is_authenticated": True, "sasl": "EXTERNAL", "user": "CN=x"}, "no-security", "CN=x(x.509)"),
    ],
)
def test_connection_shows_how_it_is_secured(
    facts: dict[str, Any], security: str, authentication: str
) -> None:
    row = cells_of("-c", FakeRouter({"connection": [ConnectionFacts(1, "h", **facts)]}), "Connections")[0]
    assert (row["security"], row["authentication"]) == (security, authentication)


def test_blocked_link_shows_for_how_long() -> None:
    router = FakeRouter({"router.link": [LinkFacts(1, "l", 1, "out", zero_credit_seconds=90_061)]})
    assert cells_of("-l", router, "Router Links")[0]["blkd"] == "001:01:01:01"


def test_verbose_links_show_their_names() -> None:
    router = FakeRouter({"router.link": [LinkFacts(1, "sender-1", 1, "out", oper_status="idle")]})
    row = cells_of("-l -v", router, "Router Links")[0]
    assert (row["admin"], row["oper"], row["name"]) == ("", "idle", "sender-1")


def test_address_with_priority_zero_shows_it() -> None:
    router = FakeRouter({"router.address": [AddressFacts("Ma", "closest", priority=0)]})
    assert cells_of("-a", router, "Router Addresses")[0]["pri"] == "0"


def test_auto_link_without_address_comes_first() -> None:
    router = FakeRouter(
        {
            "router.config.autoLink": [
                AutoLinkFacts(1, "in", "b"),
                AutoLinkFacts(2, "in"),
                AutoLinkFacts(3, "in", "a"),
            ]
        }
    )
    assert [row["addr"] for row in cells_of("--autolinks", router, "AutoLinks")] == ["", "a", "b"]


def test_network_and_tenant_are_shown_if_there_are_any() -> None:
    router = FakeRouter(
        {"network": [NetworkFacts("net-A", "t")], "routerMetrics": [MetricsFacts("A", "1.2")]}
    )
    found = {row["attr"]: row["value"] for row in cells_of("-g", router, "Router Statistics")}
    assert (found["Network Id"], found["Tenant Id"], found["Version"]) == ("net-A", "t", "1.2")


VHOST = VhostFacts(
    "v1",
    max_connections=2,
    max_message_size=None,
    groups={"staff": {"users": "bob", "remoteHosts": "*", "maxSenders": 2, "allowDynamicSource": False}},
)


def test_vhosts_are_shown_with_their_groups() -> None:
    router = FakeRouter({"vhost": [VHOST]})
    row = cells_of("--vhosts", router, "Vhosts")[0]
    assert (row["hostname"], row["maxConnections"], row["maxMessageSize"], row["groups"]) == (
        "v1",
        "2",
        "None",
        "1",
    )
    limits = cells_of("--vhostgroups", router, "Vhost Groups")[0]
    assert (limits["group"], limits["maxSenders"], limits["maxReceivers"]) == ("staff", "2", "(nil)")
    access = cells_of("--vhostgroups", router, "Vhost 'v1' UserGroup 'staff'")
    assert {row["attr"]: row["value"] for row in access} == {
        "vhost": "v1",
        "group": "staff",
        "users": "bob",
        "remoteHosts": "*",
        "sources": "(nil)",
        "targets": "(nil)",
        "sourcePattern": "(nil)",
        "targetPattern": "(nil)",
    }


def test_g4_vhost_statistics_show_who_is_connected() -> None:
    stats = VhostStatsFacts("v6", 7, 0, 2, {"anonymous": ["127.0.0.1:1", "127.0.0.1:2"]})
    router = FakeRouter({"vhostStats": [stats]})
    assert cells_of("--vhoststats", router, "Vhost User Stats") == [
        {"vhost": "v6", "user": "anonymous", "remote hosts": "['127.0.0.1:1', '127.0.0.1:2']"}
    ]


def test_json_holds_the_cells_of_the_tables() -> None:
    router = FakeRouter({"connection": [ConnectionFacts(7, "h")], "routerMetrics": [MetricsFacts("A", "1")]})
    text, status, _ = shown(["-c", "--json"], {"$management": router})
    found = json.loads(text)["routers"][0]
    assert (status, found["id"], found["tables"][0]["title"]) == (0, "A", "Connections")
    assert found["tables"][0]["rows"][0]["id"] == "7"


# --- options --------------------------------------------------------------------------------------------


def printed(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        build_parser().parse_args(arguments)
    captured = capsys.readouterr()
    return int(str(ended.value.code)), captured.out, captured.err


def test_help_has_every_option_of_the_reference(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "COLUMNS", "80")
    status, out, _ = printed(["--help"], capsys)
    body = out[out.index("Optional Arguments") :].split("\n")
    expected = OUTPUTS["--help"].text
    missing = [
        line for line in expected[expected.index("Optional Arguments") :].split("\n") if line not in body
    ]
    assert (status, missing) == (0, [])


@pytest.mark.parametrize("command", ["-l -a", "--bogus"])
def test_wrong_usage_ends_with_the_text_and_status_of_the_reference(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _, err = printed(command.split(), capsys)
    assert status == OUTPUTS[command].status == 2
    assert err.strip().split("\n")[-1] == OUTPUTS[command].text.split("\n")[-1]


def test_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = printed(["--version"], capsys)
    assert status == 0
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", out)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            type("ConnectionException", (Exception,), {})("Connection amqp://127.0.0.1:21799 disconnected"),
            "ConnectionException: Connection amqp://127.0.0.1:21799 disconnected",
        ),
        (OSError("no file"), "OSError: no file"),
    ],
)
def test_connection_that_fails_is_an_error(error: Exception, text: str) -> None:
    def connect(_: ConnectionSettings) -> AgentTransport:
        raise error

    out = io.StringIO()
    assert run(build_parser().parse_args(["-g"]), connect, out, 0.0) == 1
    assert out.getvalue() == text + "\n"


def test_path_of_the_url_is_the_management_address() -> None:
    router = FakeRouter()
    arguments = ["-b", "amqp://h:5/_topo/0/B/$management", "-c"]
    _, status, transport = shown(arguments, {"_topo/0/B/$management": router})
    assert status == 0
    assert {address for address, _ in transport.sent} == {"_topo/0/B/$management"}
