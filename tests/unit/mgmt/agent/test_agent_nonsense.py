"""Nonsense and random lives of entities: every request is answered, and what is refused changes nothing."""

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skrouter.amqp.message import Message, Properties, decode_message, encode_message
from skrouter.config.schema import load_schema
from skrouter_testing.agent_campaign import KINDS, InProcess, live
from skrouter_testing.agent_exchanges import (
    EXCHANGES,
    LONG,
    RECORDED,
    agent_of,
)
from skrouter_testing.fake_router import FakeRouter

# --- nonsense -----------------------------------------------------------------------------------------

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**31), 2**31 - 1)
    | st.text(max_size=8)
    | st.binary(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=6,
)
operations = st.sampled_from(
    ["QUERY", "READ", "CREATE", "UPDATE", "DELETE", "query", "get-log", "GET-JSON-SCHEMA", "X"]
)
types = st.sampled_from([*load_schema().entity_types, *(LONG + kind for kind in load_schema().entity_types)])
names = st.sampled_from(["self", "lst-svc", "router/A", "1", "4", "5", "mc-addr", "nosuch"])
keys = st.sampled_from(
    ["attributeNames", "name", "type", "identity", "port", "adminStatus", "prefix", "direction", "observer"]
)
bodies = st.one_of(values, st.dictionaries(keys, values, max_size=4))
properties_ = st.fixed_dictionaries(
    {},
    optional={
        "operation": operations | values,
        "type": types | values,
        "entityType": types | values,
        "name": names | values,
        "identity": names | values,
        "offset": values,
        "count": values,
        "limit": values,
        "indent": values,
    },
)


@settings(max_examples=300, deadline=None)
@given(properties_, bodies)
def test_any_request_with_a_reply_address_is_answered_without_fault(
    properties: dict[str, Any], body: object
) -> None:
    message = Message(body=body, properties=Properties(reply_to="r"), application_properties=properties)
    router = FakeRouter({kind: list(rows) for kind, rows in RECORDED.rows.items()})
    response = agent_of(router).handle(encode_message(message), now=0.0)
    assert response is not None
    assert response.fault is None
    code = (decode_message(response.content).application_properties or {})["statusCode"]
    assert code in (200, 201, 204, 400, 403, 404, 500, 501)


@settings(max_examples=300)
@given(st.binary(max_size=200))
def test_octets_that_are_no_message_have_no_answer_and_no_exception(content: bytes) -> None:
    response = agent_of(FakeRouter()).handle(content, now=0.0)
    assert response is None or response.status >= 400


@settings(max_examples=200)
@given(st.sampled_from(sorted(EXCHANGES)), st.data())
def test_damaged_request_never_raises(number: int, data: st.DataObject) -> None:
    content = bytearray(EXCHANGES[number].request)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    response = agent_of(FakeRouter()).handle(bytes(content), now=0.0)
    assert response is None or decode_message(response.content).properties is not None


# --- lives of entities


@pytest.mark.parametrize("seed", range(200))
def test_an_entity_lives_from_create_to_delete_and_nonsense_changes_nothing(seed: int) -> None:
    live(InProcess(), Random(f"agent {seed}"))


def test_every_type_that_can_be_made_has_a_part_in_the_campaign() -> None:
    makeable = {one.short_name for one in load_schema().entity_types.values() if "CREATE" in one.operations}
    assert makeable - set(KINDS) == {"dummy", "listenerAddress"}  # no such type in routers; needs another
