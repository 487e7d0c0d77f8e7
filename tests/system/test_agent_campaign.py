"""Lives of random entities, with nonsense between the steps, under the agent of a real router."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from random import Random
from typing import Any

import pytest
from skrouter.amqp.message import Message, Properties, decode_message, encode_message
from skrouter.mgmt.agent.request import bare
from skrouter.mgmt.client.net import RouterConnection, connect
from skrouter.mgmt.client.settings import ConnectionSettings, parse_url
from skrouter_testing.agent_campaign import Answered, live
from skrouter_testing.process import HOST

LIVES = 60


class Live:
    """The agent behind a connection; what is configured is its state."""

    def __init__(self, connection: RouterConnection) -> None:
        self._connection = connection
        self._numbers = itertools.count()
        self.asked = 0

    def ask(self, properties: Mapping[str, Any], body: object) -> Answered:
        number = f"n{next(self._numbers)}"
        about = Properties(reply_to=self._connection.reply_to, correlation_id=number)
        request = Message(properties=about, application_properties=dict(properties), body=body)
        self._connection.send("$management", encode_message(request))
        answer = decode_message(self._connection.receive())
        assert answer.properties is not None and answer.properties.correlation_id == number
        self.asked += 1
        found: Any = bare(answer.application_properties or {})
        return Answered(int(found["statusCode"]), str(found["statusDescription"]), bare(answer.body))

    def state(self) -> object:
        asked = {"operation": "QUERY", "type": "org.amqp.management", "name": "self"}
        return self.ask({**asked, "entityType": "configurationEntity"}, {}).body["results"]


@pytest.mark.timeout(300)
def test_no_request_of_a_campaign_is_unanswered_and_every_life_leaves_no_trace(one):
    connection = connect(ConnectionSettings(endpoint=parse_url(f"{HOST}:{one.port}"), timeout=30))
    try:
        target = Live(connection)
        for number in range(LIVES):
            live(target, Random(f"life {number}"))
    finally:
        connection.close()
    assert target.asked > 15 * LIVES
    assert one.router.running
    assert one.router.found("Traceback") == []
