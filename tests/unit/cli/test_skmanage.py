"""skmanage against the outputs of the reference's tool, with our agent behind it."""

import io
import json
import os
import shlex
from collections.abc import Mapping
from typing import Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skrouter.amqp.message import decode_message
from skrouter.cli.skmanage import Command, build_parser, long_name, run
from skrouter.mgmt.agent.facts import NodeFacts
from skrouter.mgmt.agent.request import bare
from skrouter.mgmt.agent.settings import LogFacts
from skrouter.mgmt.client.settings import ConnectionSettings
from skrouter_testing.agent_transport import AgentTransport
from skrouter_testing.fake_router import FakeRouter
from skrouter_testing.management import facts_of
from skrouter_testing.tool_outputs import outputs

OUTPUTS = outputs("skmanage")


class UsageRefusedError(Exception):
    """What the parser was told to say before it ends the program."""


def shown(
    arguments: str, router: FakeRouter | Mapping[str, FakeRouter], source: str = ""
) -> tuple[str, int, AgentTransport]:
    """What the program prints (without the final line end), its status, and the transport it used."""
    transport = AgentTransport({"$management": router} if isinstance(router, FakeRouter) else router)
    out = io.StringIO()

    def connect(_: ConnectionSettings) -> AgentTransport:
        return transport

    def usage(text: str) -> NoReturn:
        raise UsageRefusedError(text)

    options, words = build_parser().parse_known_args(shlex.split(arguments))
    command = Command(words[0].upper(), tuple(words[1:]), options)
    status = run(command, connect, out, io.StringIO(source), usage)
    return out.getvalue().removesuffix("\n"), status, transport


def sent(transport: AgentTransport) -> tuple[dict[str, Any], Any]:
    message = decode_message(transport.sent[-1][1])
    return dict(message.application_properties or {}), bare(message.body)


def router_behind(command: str, entity_type: str) -> FakeRouter:
    """The router behind a list of rows that the reference's tool printed."""
    rows = json.loads(OUTPUTS[command].text)
    return FakeRouter({entity_type: [facts_of(entity_type, row) for row in rows]})


# --- outputs of the reference ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "entity_type"),
    [
        ("QUERY --type=listener", "listener"),
        ("QUERY --type=connector", "connector"),
        ("QUERY --type=tcpListener", "tcpListener"),
        ("QUERY --type=connection", "connection"),
        ("query --type=node", "router.node"),
        ("query --type address", "router.config.address"),
        ("query --type autoLink", "router.config.autoLink"),
        ("query --type policy", "policy"),
        ("query --type node --indent -1", "router.node"),
    ],
)
def test_rows_are_printed_as_the_reference_prints_them(command: str, entity_type: str) -> None:
    text, status, transport = shown(command, router_behind(command, entity_type))
    assert text == OUTPUTS[command].text
    assert status == 0
    assert transport.closed


def test_g5_metrics_are_those_of_the_reference_with_the_version_under_its_name() -> None:
    command = "query --type routerMetrics"
    (expected,) = json.loads(OUTPUTS[command].text)
    router = FakeRouter({"routerMetrics": [facts_of("routerMetrics", expected)]})
    (found,) = json.loads(shown(command, router)[0])
    assert found.pop("version") == expected[""]
    assert found == expected


@pytest.mark.parametrize(
    "command",
    [
        "get-types --type listener",
        "get-attributes --type tcpListener",
        "get-attributes --type listener",
        "get-operations --type tcpListener",
        "get-annotations",
        "create --type nosuch --name x a=b",
        "query --type nosuch",
        "read --type listener",
        "read --type listener --name nosuch",
        "create --type tcpListener --name x address=a",
        "frobnicate",
        "query --type listener nosuch",
        "--bogus",
        "get-types",
    ],
)
def test_g7_output_is_that_of_the_reference(command: str) -> None:
    text, status, _ = shown(command, FakeRouter())
    assert (text, status) == (OUTPUTS[command].text, OUTPUTS[command].status)


def test_management_nodes_are_printed_as_the_reference_prints_them() -> None:
    router = FakeRouter({"router.node": [NodeFacts("A", 0, 1), NodeFacts("B", 1, 1)]})
    text, status, _ = shown("get-mgmt-nodes", router)
    assert (text, status) == (OUTPUTS["get-mgmt-nodes"].text, 0)


def test_entity_lives_as_with_the_reference() -> None:
    router = FakeRouter()
    for command in (
        "create --type tcpListener --name lst2 address=svc2 host=127.0.0.1 port=21709",
        "read --type tcpListener --name lst2",
        "read --name lst2",
        "update --type tcpListener --name lst2 observer=none",
    ):
        text, status, _ = shown(command, router)
        assert (json.loads(text), status) == (json.loads(OUTPUTS[command].text), 0)
    refused = "update --type tcpListener --name lst2 port=1"
    assert shown(refused, router)[:2] == (OUTPUTS[refused].text, OUTPUTS[refused].status)
    delete = "delete --type tcpListener --name lst2"
    assert shown(delete, router)[:2] == (OUTPUTS[delete].text, 0)
    assert router.rows["tcpListener"] == []
    assert shown(delete, router)[:2] == ("NotFoundStatus: No entity with name=lst2", 1)


def test_map_on_standard_input_is_created() -> None:
    command = "create --type listener --stdin"
    given = json.dumps({"name": "l9", "host": "127.0.0.1", "port": "21710", "role": "normal"})
    text, status, _ = shown(command, FakeRouter(), given)
    assert (json.loads(text), status) == (json.loads(OUTPUTS[command].text), 0)


def test_list_on_standard_input_is_created_one_by_one() -> None:
    command = "create --stdin"
    given = [
        {"type": "address", "name": "p1", "prefix": "p1", "distribution": "closest"},
        {
            "type": "io.skupper.router.router.config.address",
            "name": "p2",
            "prefix": "p2",
            "distribution": "multicast",
        },
    ]
    text, status, _ = shown(command, FakeRouter(next_identity=202), json.dumps(given))
    assert (text, status) == (OUTPUTS[command].text, 0)


def test_g2_other_routers_are_asked_at_their_address() -> None:
    routers = {"_topo/0/B/$management": FakeRouter(), "_edge/E/$management": FakeRouter()}
    assert shown("-r B query --type connector", routers)[:2] == ("[]", 0)
    assert shown("-d E query --type connector", routers)[:2] == ("[]", 0)
    assert shown("query --type connector", routers)[1] == 1


# --- arguments ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("link", "io.skupper.router.router.link"),
        ("node", "io.skupper.router.router.node"),
        ("address", "io.skupper.router.router.config.address"),
        ("autoLink", "io.skupper.router.router.config.autoLink"),
        ("listener", "io.skupper.router.listener"),
        ("router.link", "io.skupper.router.router.link"),
        ("org.amqp.management", "org.amqp.management"),
        (None, None),
    ],
)
def test_types_have_short_names(name: str | None, expected: str | None) -> None:
    assert long_name(name) == expected


def test_words_become_attributes_in_the_types_of_the_schema() -> None:
    command = "create --type tcpListener --name x address=5 backlog=5 authenticatePeer=true sslProfile port=7"
    _, body = sent(shown(command, FakeRouter())[2])
    assert body == {
        "address": "5",
        "backlog": 5,
        "authenticatePeer": True,
        "sslProfile": None,
        "port": "7",
        "type": "io.skupper.router.tcpListener",
    }


def test_words_of_another_operation_become_request_properties() -> None:
    properties, body = sent(shown('get-log limit=3 --properties \'{"a": 1}\' --body "[2]"', FakeRouter())[2])
    assert properties == {
        "name": "self",
        "type": "org.amqp.management",
        "operation": "GET-LOG",
        "a": 1,
        "limit": "3",
    }
    assert body == [2]


def test_limit_of_the_log_is_understood_as_text() -> None:
    assert shown("get-log limit=3", FakeRouter())[:2] == ("[]", 0)


def test_text_is_printed_as_it_is() -> None:
    text, status, _ = shown("get-json-schema", FakeRouter())
    assert status == 0
    assert json.loads(text)["prefix"] == "io.skupper.router"


def test_operation_on_an_entity_names_it() -> None:
    router = FakeRouter({"log": [LogFacts("ROUTER")]})
    text, status, transport = shown("callme --type log --name log/ROUTER", router)
    assert status == 1
    assert text.startswith(
        "NotImplementedStatus: Operation 'CALLME' not implemented for 'io.skupper.router.log'"
    )
    assert sent(transport)[0]["name"] == "log/ROUTER"


@pytest.mark.parametrize(
    ("arguments", "source", "text"),
    [
        (
            "create --type listener maxFrameSize=big",
            "",
            "ValidationError: Attribute 'maxFrameSize' must be a whole",
        ),
        ("create --type listener --stdin", "{", "ValidationError: standard input is not JSON"),
        (
            "create --type listener --stdin",
            "5",
            "ValidationError: standard input must hold a JSON map or a list",
        ),
        ("get-log --body {", "", "ValidationError: --body is not JSON"),
        ("get-log --properties 5", "", "ValidationError: --properties must be a JSON map"),
        ("query -b http://h", "", "UrlError: Invalid URL 'http://h': scheme must be amqp or amqps"),
        ("query -b h:0", "", "UrlError: Invalid URL 'h:0': port must be 1..65535"),
        ("query -t 0", "", "UrlError: Invalid timeout 0"),
        ("query --sasl-password-file /nonexistent/password", "", "FileNotFoundError: "),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_sent(arguments: str, source: str, text: str) -> None:
    found, status, transport = shown(arguments, FakeRouter(), source)
    assert (found[: len(text)], status) == (text, 1)
    assert transport.sent == []


@pytest.mark.parametrize("operation", ["read", "delete", "get-types", "get-mgmt-nodes"])
def test_words_that_mean_nothing_are_wrong_usage(operation: str) -> None:
    with pytest.raises(UsageRefusedError, match=r"Unexpected arguments for .*: a=b c"):
        shown(f"{operation} --name n a=b c", FakeRouter())


def test_help_has_every_option_of_the_reference(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "COLUMNS", "80")
    with pytest.raises(SystemExit) as ended:
        build_parser().parse_args(["--help"])
    assert ended.value.code == 0
    shown_lines = capsys.readouterr().out.split("\n")
    _, _, options = OUTPUTS["--help"].text.partition("Optional Arguments")
    assert options
    assert [line for line in options.strip(":\n").split("\n") if line not in shown_lines] == []


@given(
    st.lists(st.text(max_size=8), min_size=1, max_size=4), st.sampled_from(["QUERY", "CREATE", "UPDATE", "X"])
)
def test_any_words_end_in_an_answer_or_an_error(words: list[str], operation: str) -> None:
    options = build_parser().parse_args([])
    transport = AgentTransport({"$management": FakeRouter()})

    def usage(text: str) -> NoReturn:
        raise UsageRefusedError(text)

    out = io.StringIO()
    command = Command(operation, tuple(words), options)
    status = run(command, lambda _: transport, out, io.StringIO(), usage)
    assert status in (0, 1)
    assert out.getvalue().endswith("\n")
