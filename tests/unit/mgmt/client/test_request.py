"""The client against recorded requests of tools, against our own agent, and against bad answers."""

import contextlib
import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skrouter.amqp.message import Message, Properties, decode_message, encode_message
from skrouter.amqp.types import Array, Decimal32, Described, Int, Long, Symbol, Timestamp
from skrouter.config.schema import load_schema
from skrouter.mgmt.agent import Agent
from skrouter.mgmt.agent.facts import AddressFacts
from skrouter.mgmt.agent.settings import TcpListenerFacts
from skrouter.mgmt.client import ManagementError, Node, Rows
from skrouter.mgmt.client.errors import (
    AnswerError,
    BadRequestStatus,
    ForbiddenStatus,
    InternalServerErrorStatus,
    NotFoundStatus,
    NotImplementedStatus,
    UnauthorizedStatus,
)
from skrouter.mgmt.client.request import PAGE_SIZE, decode_answer, encode_request, node_address, plain
from skrouter_testing.fake_router import FakeRouter
from skrouter_testing.management import exchanges

REPLY_TO = "amqp:/_topo/0/A/temp.vmPFKHGwHDgQFUs"


class LoopTransport:
    """A transport with an agent at its end; `sent` keeps requests, `before` is received first."""

    def __init__(self, router: FakeRouter, before: tuple[bytes, ...] = ()) -> None:
        self.agent = Agent(router, load_schema(), router)
        self.sent: list[tuple[str, bytes]] = []
        self.waiting = list(before)
        self.reply_to = REPLY_TO

    def send(self, address: str, content: bytes) -> None:
        self.sent.append((address, content))
        response = self.agent.handle(content, now=0.0)
        assert response is not None
        self.waiting.append(response.content)

    def receive(self) -> bytes:
        return self.waiting.pop(0)

    def asked(self) -> list[dict[str, Any]]:
        return [dict(decode_message(content).application_properties or {}) for _, content in self.sent]


def addresses(number: int) -> FakeRouter:
    router = FakeRouter()
    router.rows["router.address"] = [AddressFacts(f"M{index}", "balanced") for index in range(number)]
    return router


def answer(
    code: object, body: object = None, correlation_id: object = "1", description: str = "why"
) -> bytes:
    properties = {"statusCode": code, "statusDescription": description}
    return encode_message(
        Message(
            properties=Properties(to="r", correlation_id=correlation_id),
            application_properties=properties,
            body=body,
        )
    )


@pytest.mark.parametrize(
    ("operation", "body", "properties", "octets"),
    [
        (
            "GET-MGMT-NODES",
            {},
            {},
            "005373c02e0640404040a124616d71703a2f5f746f706f2f302f412f74656d702e766d50464b484777484467"
            "51465573a10131005374c14306a1046e616d65a10473656c66a10474797065a1136f72672e616d71702e6d61"
            "6e6167656d656e74a1096f7065726174696f6ea10e4745542d4d474d542d4e4f444553005377c10100",
        ),
        (
            "QUERY",
            {"attributeNames": []},
            {"entityType": "io.skupper.router.connection", "offset": Long(0), "count": Long(PAGE_SIZE)},
            "005373c02e0640404040a124616d71703a2f5f746f706f2f302f412f74656d702e766d50464b484777484467"
            "51465573a10132005374c17e0ca1046e616d65a10473656c66a10474797065a1136f72672e616d71702e6d61"
            "6e6167656d656e74a1096f7065726174696f6ea1055155455259a10a656e7469747954797065a11c696f2e73"
            "6b75707065722e726f757465722e636f6e6e656374696f6ea1066f66667365745500a105636f756e74810000"
            "0000000001f4005377c11202a10e6174747269627574654e616d657345",
        ),
    ],
)
def test_request_has_the_octets_of_the_reference_tools(
    operation: str, body: object, properties: dict[str, Any], octets: str
) -> None:
    named = {"name": "self", "type": "org.amqp.management", "operation": operation, **properties}
    number = "1" if operation == "GET-MGMT-NODES" else "2"
    assert encode_request(named, body, REPLY_TO, number).hex() == octets


def test_query_carries_offset_and_count_in_the_order_of_the_reference_tools() -> None:
    transport = LoopTransport(addresses(1))
    Node(transport).query("io.skupper.router.router.address", ["name"])
    assert list(transport.asked()[0].items()) == [
        ("name", "self"),
        ("type", "org.amqp.management"),
        ("operation", "QUERY"),
        ("entityType", "io.skupper.router.router.address"),
        ("offset", 0),
        ("count", PAGE_SIZE),
    ]


@pytest.mark.parametrize(
    ("present", "count", "expected", "pages"),
    [
        (0, None, 0, 1),
        (3, None, 3, 1),
        (499, None, 499, 1),
        (500, None, 500, 2),
        (1203, None, 1203, 3),
        (1203, 2, 2, 1),
        (1203, 500, 500, 1),
        (1203, 700, 700, 2),
        (10, 20, 10, 1),
    ],
)
def test_rows_are_fetched_in_pages_until_one_is_short(
    present: int, count: int | None, expected: int, pages: int
) -> None:
    transport = LoopTransport(addresses(present))
    found = Node(transport).query("io.skupper.router.router.address", ["name"], count=count)
    assert [row[0] for row in found.rows] == [f"M{index}" for index in range(expected)]
    assert len(transport.sent) == pages


@pytest.mark.parametrize("present", [PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1, 2 * PAGE_SIZE])
def test_agent_that_ignores_paging_is_asked_only_once_more(present: int) -> None:
    router = FakeRouter()
    router.rows["tcpListener"] = [TcpListenerFacts(str(port)) for port in range(present)]
    transport = LoopTransport(router)
    found = Node(transport).query("io.skupper.router.tcpListener", ["port"])
    assert [row[0] for row in found.rows] == [str(port) for port in range(present)]
    assert len(transport.sent) <= 2


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (400, BadRequestStatus),
        (401, UnauthorizedStatus),
        (403, ForbiddenStatus),
        (404, NotFoundStatus),
        (500, InternalServerErrorStatus),
        (501, NotImplementedStatus),
        (418, ManagementError),
    ],
)
def test_each_code_has_its_error(code: int, kind: type[ManagementError]) -> None:
    with pytest.raises(ManagementError, match=r"^why$") as caught:
        decode_answer(answer(Int(code))).result()
    assert type(caught.value) is kind
    assert caught.value.code == code


def test_error_of_the_reference_is_raised_with_its_text() -> None:
    response = exchanges()[39].response
    assert response is not None
    with pytest.raises(NotFoundStatus, match=r"^No entity with name=nosuch$"):
        decode_answer(response).result()


def test_late_answer_to_another_request_is_passed_over() -> None:
    late = answer(Int(404), correlation_id="99")
    assert Node(LoopTransport(FakeRouter(), (late,))).management_nodes() == []


def test_answer_with_an_integer_correlation_id_is_taken_by_value() -> None:
    early = answer(Int(200), ["x"], correlation_id=Int(1))
    assert Node(LoopTransport(FakeRouter(), (early,))).management_nodes() == ["x"]


@pytest.mark.parametrize(
    "content",
    [b"", b"\x00\x53\x77", answer("200"), answer(True), encode_message(Message(body={}))],
)
def test_answer_that_is_none_is_an_error(content: bytes) -> None:
    with pytest.raises(AnswerError):
        decode_answer(content)


@pytest.mark.parametrize("body", [None, [], {"results": []}, {"attributeNames": [], "results": [1]}])
def test_query_without_rows_in_the_answer_is_an_error(body: object) -> None:
    with pytest.raises(AnswerError, match="QUERY"):
        Node(LoopTransport(FakeRouter(), (answer(Int(200), body),))).query()


def test_entity_is_created_read_updated_and_deleted() -> None:
    node = Node(LoopTransport(FakeRouter()))
    made = node.create({"address": "a", "port": 1}, "io.skupper.router.tcpListener", "lst")
    assert (made["name"], made["port"]) == ("lst", "1")
    assert node.read(None, "lst", None) == made
    assert node.update({"observer": "none"}, None, "lst", None)["observer"] == "none"
    node.delete(None, None, made["identity"])
    with pytest.raises(NotFoundStatus):
        node.read(None, "lst", None)


def test_node_at_another_address_sends_there() -> None:
    transport = LoopTransport(FakeRouter())
    Node(transport).at(node_address("B")).management_nodes()
    assert transport.sent[0][0] == "_topo/0/B/$management"


@pytest.mark.parametrize(
    ("router", "edge", "address"),
    [
        (None, None, "$management"),
        ("A", None, "_topo/0/A/$management"),
        (None, "E", "_edge/E/$management"),
    ],
)
def test_agents_have_known_addresses(router: str | None, edge: str | None, address: str) -> None:
    assert node_address(router, edge) == address


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Timestamp(5), 5),
        ({Symbol("a"): [Symbol("b"), None, True]}, {"a": ["b", None, True]}),
        (b"\xc3\xa9", "é"),
        (Array(0xA3, (Symbol("a"), Symbol("b"))), ["a", "b"]),
        (Described(Symbol("kind"), Long(2)), 2),
        (Decimal32(b"\1\2\3\4"), "0x01020304"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    ],
)
def test_any_value_of_an_answer_can_be_shown_as_json(value: object, expected: object) -> None:
    assert plain(value) == expected
    assert json.loads(json.dumps(plain(value))) == expected


def test_rows_become_maps_without_nulls() -> None:
    assert Rows(["a", "b"], [[1, None], [None, 2]]).maps() == [{"a": 1}, {"b": 2}]


@given(st.binary(max_size=120))
def test_any_octets_are_an_answer_or_an_answer_error(content: bytes) -> None:
    with contextlib.suppress(AnswerError):
        assert isinstance(decode_answer(content).code, int)
