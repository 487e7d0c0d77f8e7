"""The agent against recorded exchanges of a real router, and against nonsense."""

from typing import Any

import pytest
from skrouter.amqp.message import Message, decode_message
from skrouter.config.schema import load_schema
from skrouter.mgmt.agent import Agent, Response
from skrouter.mgmt.agent.facts import AddressFacts, LogEntry, NodeFacts
from skrouter.mgmt.agent.request import bare
from skrouter.mgmt.agent.settings import LogFacts
from skrouter.mgmt.agent.status import ConfigurationError
from skrouter_testing.agent_exchanges import (
    ANSWERED_DIFFERENTLY,
    EXCHANGES,
    LONG,
    MAP_ORDER_DIFFERS,
    NODE_TYPE,
    QUERIES,
    REMOTE,
    agent_of,
    answer,
    ask,
    request,
)
from skrouter_testing.fake_router import FakeRouter
from skrouter_testing.management import Exchange, facts_of, router_of, rows_of


def replayed() -> dict[int, tuple[Exchange, Response]]:
    """All exchanges with one router in the recorded order; live counters are set to what was recorded."""
    router = router_of(*(EXCHANGES[number] for number in QUERIES))
    router.next_identity = 26
    answers = {}
    for number, exchange in EXCHANGES.items():
        if number in REMOTE or number == 83:
            continue
        if number == 24:
            router.rows["router.address"] = [
                facts_of("router.address", row) for row in rows_of(exchange.answer)
            ]
        if number == 33:
            entries: Any = bare(exchange.answer.body)
            router.log = [LogEntry(*entry) for entry in entries]
        if number == 74:
            row: Any = exchange.answer.body
            router.rows["router.address"] = [facts_of("router.address", row)]
        answers[number] = exchange, ask(router, exchange)
    return answers


REPLAYED = replayed()


@pytest.mark.parametrize("number", sorted(REPLAYED.keys() - MAP_ORDER_DIFFERS - ANSWERED_DIFFERENTLY.keys()))
def test_g1_answer_has_the_octets_of_the_reference(number: int) -> None:
    exchange, response = REPLAYED[number]
    assert response.content == exchange.response, (
        f"{exchange.title}\n{decode_message(response.content)}\n{exchange.answer}"
    )


@pytest.mark.parametrize("number", sorted(MAP_ORDER_DIFFERS))
def test_answer_with_an_attribute_map_means_the_same(number: int) -> None:
    exchange, response = REPLAYED[number]
    assert decode_message(response.content) == exchange.answer


def test_query_of_some_attributes_of_nodes_has_the_octets_of_the_reference() -> None:
    router = FakeRouter()
    router.rows["router.node"] = [
        NodeFacts("B", index=0, instance=1, next_hop="(self)"),
        NodeFacts("A", index=1, instance=1, cost=1),
    ]
    assert ask(router, EXCHANGES[81]).content == EXCHANGES[81].response


def test_correlation_id_that_is_a_string_comes_back_as_it_was() -> None:
    router = FakeRouter()
    router.rows["router.address"] = [
        AddressFacts(str(row["name"]), "closest") for row in rows_of(EXCHANGES[82].answer)
    ]
    assert ask(router, EXCHANGES[82]).content == EXCHANGES[82].response


def test_fact_without_an_amqp_type_is_a_fault_and_still_answered() -> None:
    router = FakeRouter()
    unlike: Any = object()
    router.rows["router.node"] = [NodeFacts("A", index=0, instance=unlike)]
    response = agent_of(router).handle(EXCHANGES[5].request, now=0.0)
    assert response is not None
    assert (response.status, type(response.fault)) == (500, TypeError)


def test_version_is_where_its_name_is() -> None:
    ours, theirs = rows_of(decode_message(REPLAYED[10][1].content)), rows_of(EXCHANGES[10].answer)
    assert ours[0].pop("version") == "3.0.0+e2ec51a4"
    assert theirs[0].pop("version") is None
    assert ours == theirs


def test_query_without_type_lists_the_same_entities() -> None:
    def listed(message: Message) -> set[tuple[str, str]]:
        unlike = ("allocator", "logStats", "tcpListener", "router.config.address")
        rows = {(row["name"], row["type"].removeprefix("io.skupper.router.")) for row in rows_of(message)}
        return {row for row in rows if row[1] not in unlike}

    assert listed(decode_message(REPLAYED[21][1].content)) == listed(EXCHANGES[21].answer)


def test_request_without_application_properties_is_answered() -> None:
    found = decode_message(REPLAYED[63][1].content).application_properties or {}
    assert found["statusCode"] == 400
    assert str(found["statusDescription"]).startswith("No 'operation' property: Message(address=None")


def test_reading_metrics_is_forbidden_in_a_well_formed_answer() -> None:
    found = decode_message(REPLAYED[79][1].content)
    assert found.application_properties == {"statusDescription": "Forbidden", "statusCode": 403}


def test_request_without_reply_to_has_no_answer() -> None:
    assert agent_of(FakeRouter()).handle(EXCHANGES[83].request, now=0.0) is None


def test_answer_goes_to_the_reply_address() -> None:
    exchange, response = REPLAYED[1]
    asked = exchange.asked.properties
    assert asked is not None
    assert response.to == asked.reply_to


def test_failed_request_is_named_for_the_log_and_a_good_one_is_not() -> None:
    assert REPLAYED[20][1].log_text == (
        "Error performing QUERY: No such entity type 'io.skupper.router.nosuchtype'"
    )
    assert REPLAYED[1][1].log_text is None


def test_refusal_by_the_router_is_told_to_the_client_and_changes_nothing() -> None:
    router = FakeRouter(refusal=ConfigurationError("Failed to open log file '/x'"))
    router.rows["log"] = [LogFacts("DEFAULT")]
    code, text, body = answer(router, "UPDATE", {"outputFile": "/x"}, type="log", name="log/DEFAULT")
    assert (code, text, body) == (500, "CError: Configuration: Failed to open log file '/x'", {})
    assert router.rows["log"] == [LogFacts("DEFAULT")]


def test_all_problems_of_a_configuration_are_told() -> None:
    code, text, _ = answer(
        FakeRouter(), "CREATE", {"port": "1", "bogus": 1, "backlog": "x"}, type="tcpListener"
    )
    assert code == 400
    assert text.startswith("Unknown attribute 'bogus' for 'io.skupper.router.tcpListener'; ")
    assert "Invalid integer value: 'x'" in text


def test_fault_of_the_router_is_answered_and_handed_on() -> None:
    fault = ZeroDivisionError("sum of nothing")
    router = FakeRouter(refusal=fault)
    exchange = EXCHANGES[34]
    response = agent_of(router).handle(exchange.request, now=0.0)
    assert response is not None
    assert response.status == 500
    assert response.fault is fault
    found = decode_message(response.content).application_properties or {}
    assert found["statusDescription"] == "ZeroDivisionError: sum of nothing"


def test_without_control_every_change_is_refused() -> None:
    agent = Agent(router_of(EXCHANGES[8], EXCHANGES[11]), load_schema())
    for number in (34, 64):
        response = agent.handle(EXCHANGES[number].request, now=0.0)
        assert response is not None
        assert response.status == 501


REFUSALS: list[tuple[str | None, object, dict[str, Any], int, str]] = [
    (None, None, {"type": NODE_TYPE}, 400, "No 'operation' property: "),
    ("QUERY", None, {"entityType": LONG + "router.link", "offset": "x"}, 400, "'offset' must be an integer"),
    ("QUERY", None, {"entityType": 5}, 400, "'entityType' must be a string"),
    ("QUERY", {"attributeNames": "name"}, {"entityType": "listener"}, 400, "attributeNames must be a list"),
    ("QUERY", {"attributeNames": ["x"]}, {}, 404, "Unknown attributes ['x']."),
    ("READ", None, {"type": LONG + "router.address"}, 400, "No name or identity provided"),
    ("READ", None, {"type": LONG + "router.link", "identity": "2"}, 501, "Operation 'READ' not implemented"),
    ("CREATE", None, {"type": LONG + "connection"}, 501, "Operation 'CREATE' not implemented for"),
    ("DELETE", None, {"type": LONG + "connection", "identity": "5"}, 403, "Forbidden"),
    ("CREATE", None, {"type": "router"}, 400, "Adding router singleton "),
    ("CREATE", None, {"type": "log", "name": "x"}, 501, "Operation 'CREATE' not implemented for"),
    (
        "CREATE",
        {"address": "a"},
        {"type": "listenerAddress"},
        400,
        LONG + "listenerAddress: Missing required attribute",
    ),
    ("UPDATE", None, {"type": "router", "name": "router/A"}, 501, "Operation 'UPDATE' not implemented"),
    ("DELETE", None, {"type": "router", "name": "router/A"}, 501, "Operation 'DELETE' not implemented"),
    ("PROFILE", None, {"type": NODE_TYPE, "name": "self"}, 400, "PROFILE needs one of the properties"),
    ("PROFILE", None, {"start": "", "stop": ""}, 400, "PROFILE needs one of the properties"),
    ("GET-LOG", None, {"limit": "many"}, 400, "'limit' must be an integer, not 'many'"),
    ("GET-TYPES", None, {"entityType": "x"}, 400, "No such entity type 'io.skupper.router.x'"),
    ("READ", None, {"type": "x", "name": "y"}, 400, "No such entity type 'io.skupper.router.x'"),
    (
        "CREATE",
        {"identity": "i", "port": "1"},
        {"type": "tcpListener"},
        400,
        "'identity' attribute cannot be specified",
    ),
    (
        "CREATE",
        {"operStatus": "up", "port": "1"},
        {"type": "tcpListener"},
        400,
        "Cannot set attribute 'operStatus' in CREATE",
    ),
    (
        "CREATE",
        {"type": "listener"},
        {"type": "tcpListener"},
        400,
        "Conflicting values for 'type'",
    ),
    (
        "UPDATE",
        {"bogus": 1},
        {"type": "tcpListener", "name": "lst-svc"},
        400,
        "Unknown attribute 'bogus' for 'io.skupper.router.tcpListener'",
    ),
    (
        "UPDATE",
        {"adminStatus": "deleted"},
        {"type": LONG + "connection", "identity": "4"},
        403,
        "You are not allowed to perform this operation.",
    ),
    (
        "UPDATE",
        {"adminStatus": "gone"},
        {"type": LONG + "connection", "identity": "5"},
        400,
        "Bad Request: adminStatus must be",
    ),
    ("UPDATE", {}, {"type": LONG + "connection", "identity": "5"}, 400, "Bad Request"),
    (
        "CREATE",
        {"prefix": "a", "pattern": "b"},
        {"type": LONG + "router.config.address"},
        400,
        "Cannot specify both a 'prefix' and a 'pattern' attribute",
    ),
    (
        "CREATE",
        {},
        {"type": LONG + "router.config.address"},
        400,
        "Either a 'prefix' or 'pattern' attribute must be provided",
    ),
    ("CREATE", {"prefix": "//"}, {"type": LONG + "router.config.address"}, 400, "Prefix invalid - no tokens"),
    (
        "CREATE",
        {"prefix": "a", "priority": 10},
        {"type": LONG + "router.config.address"},
        400,
        "Priority value, if present, must be between 0 and QDR_MAX_PRIORITY",
    ),
    ("CREATE", {}, {"type": LONG + "router.config.autoLink"}, 400, "direction field is mandatory"),
    (
        "CREATE",
        {"direction": "up"},
        {"type": LONG + "router.config.autoLink"},
        400,
        "Invalid value for 'direction'",
    ),
    (
        "CREATE",
        {"direction": "out"},
        {"type": LONG + "router.config.autoLink"},
        400,
        "address field is only optional if direction is incoming",
    ),
    (
        "CREATE",
        {"direction": "in", "connection": "c", "containerId": "d"},
        {"type": LONG + "router.config.autoLink"},
        400,
        "Both connection and containerId cannot be specified. Specify only one",
    ),
]


@pytest.mark.parametrize(("operation", "body", "properties", "status", "text"), REFUSALS)
def test_g1_bad_request_is_refused_with_its_reason(
    operation: str | None, body: object, properties: dict[str, Any], status: int, text: str
) -> None:
    router = router_of(*(EXCHANGES[number] for number in QUERIES))
    before = {kind: list(rows) for kind, rows in router.rows.items()}
    code, description, _ = answer(router, operation, body, **properties)
    assert (code, description[: len(text)]) == (status, text)
    assert {kind: rows for kind, rows in router.rows.items() if rows} == {
        kind: rows for kind, rows in before.items() if rows
    }


def test_g10_profile_is_started_and_told_when_stopped() -> None:
    router = FakeRouter()
    assert answer(router, "PROFILE", start="")[::2] == (200, None)
    assert answer(router, "PROFILE", stop="")[::2] == (200, "3 function calls")


@pytest.mark.parametrize(("entity", "about"), [("listener", ""), ("connection", f" of {LONG}connection")])
def test_log_names_the_type_where_core_refuses(entity: str, about: str) -> None:
    content = request("READ", type=LONG + entity, name="none")
    response = agent_of(FakeRouter()).handle(content, now=0.0)
    assert response is not None
    assert str(response.log_text).startswith(f"Error performing READ{about}: N")


def test_b20_client_connection_is_closed_by_admin_status() -> None:
    router = router_of(EXCHANGES[2])
    code, _, row = answer(
        router, "UPDATE", {"adminStatus": "deleted"}, type=LONG + "connection", identity="5"
    )
    assert (code, row["adminStatus"]) == (200, "deleted")


def test_f6_peer_whose_policy_forbids_it_cannot_close_a_connection() -> None:
    router = router_of(EXCHANGES[2])
    content = request("UPDATE", {"adminStatus": "deleted"}, type=LONG + "connection", identity="5")
    response = agent_of(router).handle(content, now=0.0, may_update=False)
    assert response is not None
    assert response.status == 403
    assert [facts.admin_status for facts in router.connections()] == ["enabled"] * 4


def test_update_with_the_present_value_of_a_fixed_attribute_is_accepted() -> None:
    router = router_of(EXCHANGES[8])
    code, _, row = answer(
        router, "UPDATE", {"port": "21504", "observer": "http2"}, type="tcpListener", name="lst-svc"
    )
    assert (code, row["observer"]) == (200, "http2")


def test_unnamed_address_has_a_null_name_everywhere() -> None:
    router = FakeRouter()
    _, _, made = answer(router, "CREATE", {"prefix": "p"}, type=LONG + "router.config.address")
    assert made["name"] is None
    _, _, body = answer(router, "QUERY", {"attributeNames": ["name", "prefix"]})
    assert [None, "p"] in body["results"]


@pytest.mark.parametrize(
    ("offset", "count", "expected"),
    [(0, -1, 6), (0, 0, 0), (2, 3, 3), (5, 3, 1), (6, 3, 0), (99, -1, 0), (-1, 2, 2)],
)
def test_g1_page_of_a_core_type_has_offset_and_count(offset: int, count: int, expected: int) -> None:
    router = FakeRouter({"router.address": [AddressFacts(f"M{index}", "closest") for index in range(6)]})
    asked = {"attributeNames": ["name"]}
    _, _, body = answer(
        router, "QUERY", asked, entityType=LONG + "router.address", offset=offset, count=count
    )
    start = max(offset, 0)
    assert body["results"] == [[f"M{index}"] for index in range(start, start + expected)]


@pytest.mark.parametrize(("named", "shown"), [(63, 63), (64, 23)])
def test_query_that_names_too_many_attributes_gets_all(named: int, shown: int) -> None:
    router = FakeRouter({"router.address": [AddressFacts("Ma", "closest")]})
    _, _, body = answer(
        router, "QUERY", {"attributeNames": ["key"] * named}, entityType=LONG + "router.address"
    )
    assert len(body["attributeNames"]) == len(body["results"][0]) == shown


def test_password_is_never_shown() -> None:
    router = FakeRouter()
    answer(router, "CREATE", {"host": "p", "port": "1", "password": "secret"}, type="proxyProfile", name="p")
    answer(router, "CREATE", {"saslPassword": "secret"}, type="connector", name="c")
    for operation, asked in (
        ("READ", {"name": "p"}),
        ("READ", {"name": "c"}),
        ("QUERY", {"entityType": "connector"}),
        ("QUERY", {}),
    ):
        assert "secret" not in str(answer(router, operation, **asked))
    again = answer(router, "CREATE", {"saslPassword": "secret"}, type="connector", name="c")
    assert again[0] == 400
    assert "secret" not in again[1]


@pytest.mark.parametrize("kind", sorted(load_schema().entity_types))
def test_every_type_can_be_queried_by_long_and_short_name(kind: str) -> None:
    for name in (kind, LONG + kind):
        code, _, body = answer(FakeRouter(), "QUERY", entityType=name)
        assert code == 200
        assert all(len(row) == len(body["attributeNames"]) for row in body["results"])


def test_g6_schema_is_returned_whole() -> None:
    code, _, body = answer(FakeRouter(), "GET-SCHEMA", type=NODE_TYPE, name="self")
    assert (code, body) == (200, bare(load_schema().describe()))


def test_management_nodes_of_an_edge_router_are_none() -> None:
    assert answer(FakeRouter(), "GET-MGMT-NODES")[2] == []
