"""Recorded management exchanges, and requests of our own to an agent before a faked router."""

from __future__ import annotations

from typing import Any

from skrouter.amqp.message import Message, Properties, decode_message, encode_message
from skrouter.config.schema import load_schema
from skrouter.mgmt.agent import Agent, Response
from skrouter.mgmt.agent.request import bare

from skrouter_testing.fake_router import FakeRouter, reference_schema
from skrouter_testing.management import Exchange, exchanges, router_of

NODE_TYPE = "org.amqp.management"
LONG = "io.skupper.router."
EXCHANGES = exchanges()
QUERIES = range(1, 14)
"""QUERYs of all attributes of one type each."""

REMOTE = {81, 82}
"""Asked of another router."""

MAP_ORDER_DIFFERS = {34, 36, 37, 38, 42, 53, 80}
"""Answers with an attribute map, which the reference builds in the order of history."""

ANSWERED_DIFFERENTLY = {
    10: "we know the version",
    21: "their order is the order of creation at run time, and they have other pools",
    63: "we answer",
    79: "their answer is malformed",
    83: "no reply-to",
}


def agent_of(router: FakeRouter) -> Agent:
    return Agent(router, load_schema(), router)


def ask(router: FakeRouter, exchange: Exchange) -> Response:
    """The answer to a recorded request, of an agent that knows what the reference knows."""
    response = Agent(router, reference_schema(), router).handle(exchange.request, now=0.0)
    assert response is not None
    assert response.fault is None
    return response


def request(operation: str | None, body: object = None, reply_to: str = "r", **properties: Any) -> bytes:
    named = {key.rstrip("_"): value for key, value in properties.items()}
    if operation is not None:
        named["operation"] = operation
    message = Message(
        body={} if body is None else body,
        properties=Properties(reply_to=reply_to, correlation_id="c"),
        application_properties=named,
    )
    return encode_message(message)


def answer(router: FakeRouter, operation: str | None, body: object = None, **properties: Any) -> Any:
    response = agent_of(router).handle(request(operation, body, **properties), now=0.0)
    assert response is not None
    assert response.fault is None
    message = decode_message(response.content)
    found = message.application_properties or {}
    return int(str(found["statusCode"])), found["statusDescription"], bare(message.body)


RECORDED = router_of(*(EXCHANGES[number] for number in QUERIES))
