"""Effects of the SASL machines, carried out; Cyrus is answered for by the test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from skrouter.amqp.cyrus import CyrusError
from skrouter.amqp.sasl.client import Client, ClientConfig
from skrouter.amqp.sasl.effects import Identity, Refused
from skrouter.amqp.sasl.frames import AMQP_HEADER, SASL_HEADER
from skrouter.amqp.sasl.mechanisms.relay import RelayContinued, RelayFailed, RelaySucceeded
from skrouter.amqp.sasl.server import Server, ServerConfig
from skrouter.amqp.types import Symbol
from skrouter.router.net import clock
from skrouter.router.net.handshake import Credentials, Handshake, Outcomes
from skrouter_testing import frames


class FakeRelay:
    """Answers as dictated."""

    def __init__(self, answers: list[object]) -> None:
        self.answers = answers
        self.seen: list[object] = []
        self.is_closed = False

    def start(self, *response: bytes | None) -> object:
        self.seen += response
        return self._next()

    def step(self, response: bytes) -> object:
        self.seen.append(response)
        return self._next()

    def _next(self) -> object:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        self.is_closed = True


class FakeAuthenticator:
    """Keeps questions until the test lets them be answered; it is its own Cyrus."""

    def __init__(self, relay: FakeRelay | None = None, password: str = "") -> None:
        self.questions: list[tuple[Callable[[], Any], Callable[[Any, BaseException | None], None]]] = []
        self.relay = relay
        self.password = password
        self.asked_for: object = None

    def ask(self, work: Callable[[], Any], done: Callable[[Any, BaseException | None], None]) -> None:
        self.questions.append((work, done))

    def answer(self) -> None:
        """Answer the oldest question."""
        work, done = self.questions.pop(0)
        try:
            result = work()
        except CyrusError as error:
            done(None, error)
        else:
            done(result, None)

    def cyrus(self) -> FakeAuthenticator:
        return self

    def check_password(self, user: str, password: str) -> bool:
        if self.password == "broken":
            raise CyrusError("no database")
        return (user, password) == ("ann", self.password)

    def server_relay(self, mechanism: str) -> FakeRelay | None:
        self.asked_for = mechanism
        return self.relay

    def client_relay(self, mechanism: str, *, server: str, user: str, password: str) -> FakeRelay | None:
        self.asked_for = (mechanism, server, user, password)
        return self.relay


class Record:
    """What the handshake led to."""

    def __init__(self) -> None:
        self.sent = b""
        self.authenticated: list[tuple[Identity, bytes]] = []
        self.refused: list[Refused] = []
        self.trouble: list[str] = []
        self.outcomes = Outcomes(
            self._send,
            lambda identity, rest: self.authenticated.append((identity, rest)),
            self.refused.append,
            self.trouble.append,
        )

    def _send(self, data: bytes) -> None:
        self.sent += data


def server(*mechanisms: str) -> Server:
    return Server(ServerConfig(mechanisms, "ANONYMOUS" not in mechanisms), clock.monotonic())


def make(machine: Server | Client, asked: FakeAuthenticator, credentials: Credentials | None = None) -> Any:
    record = Record()
    return Handshake(machine, asked, record.outcomes, credentials), record  # type: ignore[arg-type]


def init(mechanism: str, response: bytes) -> bytes:
    return SASL_HEADER + frames.sasl_frame(
        "sasl-init", mechanism=Symbol(mechanism), initial_response=response
    )


def test_an_anonymous_peer_needs_no_cyrus() -> None:
    asked = FakeAuthenticator()
    handshake, record = make(server("ANONYMOUS"), asked)
    handshake.receive(init("ANONYMOUS", b"me") + AMQP_HEADER + b"more")
    assert record.authenticated == [(Identity("ANONYMOUS", "anonymous"), AMQP_HEADER + b"more")]
    assert asked.questions == []


@pytest.mark.parametrize("right", [True, False])
def test_a_password_is_checked_while_octets_wait(right: bool) -> None:
    asked = FakeAuthenticator(password="right")
    handshake, record = make(server("PLAIN"), asked)
    handshake.receive(init("PLAIN", b"\0ann\0right" if right else b"\0ann\0wrong"))
    handshake.receive(AMQP_HEADER)
    assert record.authenticated == []
    asked.answer()
    if right:
        assert record.authenticated == [(Identity("PLAIN", "ann"), AMQP_HEADER)]
    else:
        assert record.refused[0].description == "Authentication failed [mech=PLAIN]"


def test_a_broken_password_database_refuses_and_is_reported() -> None:
    asked = FakeAuthenticator(password="broken")
    handshake, record = make(server("PLAIN"), asked)
    handshake.receive(init("PLAIN", b"\0ann\0right"))
    asked.answer()
    assert record.trouble == ["no database"]
    assert record.authenticated == []
    assert len(record.refused) == 1


def test_an_answer_after_the_end_changes_nothing() -> None:
    asked = FakeAuthenticator(password="right")
    handshake, record = make(server("PLAIN"), asked)
    handshake.receive(init("PLAIN", b"\0ann\0right") + AMQP_HEADER)
    handshake.close()
    asked.answer()
    assert (record.authenticated, record.refused, record.trouble) == ([], [], [])


def test_a_relayed_mechanism_goes_back_and_forth_and_is_freed() -> None:
    relay = FakeRelay([RelayContinued(b"c1"), RelaySucceeded("ann", b"bye")])
    asked = FakeAuthenticator(relay)
    handshake, record = make(server("SCRAM-SHA-256"), asked)
    handshake.receive(init("SCRAM-SHA-256", b"r1"))
    asked.answer()
    handshake.receive(frames.sasl_frame("sasl-response", response=b"r2"))
    asked.answer()
    handshake.receive(AMQP_HEADER)
    assert asked.asked_for == "SCRAM-SHA-256"
    assert relay.seen == [b"r1", b"r2"]
    assert record.authenticated == [(Identity("SCRAM-SHA-256", "ann"), AMQP_HEADER)]
    assert relay.is_closed


@pytest.mark.parametrize("answer", [RelayFailed("no"), CyrusError("no")])
def test_a_failed_relay_refuses_and_is_freed(answer: object) -> None:
    relay = FakeRelay([answer])
    asked = FakeAuthenticator(relay)
    handshake, record = make(server("SCRAM-SHA-256"), asked)
    handshake.receive(init("SCRAM-SHA-256", b"r1"))
    asked.answer()
    assert len(record.refused) == 1
    assert relay.is_closed


def test_a_relay_in_use_is_freed_only_when_its_thread_is_done() -> None:
    relay = FakeRelay([RelayContinued(b"c1"), RelayContinued(b"c2")])
    asked = FakeAuthenticator(relay)
    handshake, _ = make(server("SCRAM-SHA-256"), asked)
    handshake.receive(init("SCRAM-SHA-256", b"r1"))
    asked.answer()
    handshake.receive(frames.sasl_frame("sasl-response", response=b"r2"))
    handshake.close()
    assert not relay.is_closed
    asked.answer()
    assert relay.is_closed


def test_the_client_side_speaks_first_and_gives_cyrus_its_credentials() -> None:
    relay = FakeRelay([RelayContinued(b"first"), RelaySucceeded(None, b"last")])
    asked = FakeAuthenticator(relay)
    machine = Client(ClientConfig(("SCRAM-SHA-256",), "ann", "secret"), clock.monotonic())
    handshake, record = make(machine, asked, Credentials("host", "ann", "secret"))
    handshake.start()
    assert record.sent == SASL_HEADER
    mechanisms = frames.sasl_frame("sasl-mechanisms", sasl_server_mechanisms=Symbol("SCRAM-SHA-256"))
    handshake.receive(SASL_HEADER + mechanisms)
    asked.answer()
    assert asked.asked_for == ("SCRAM-SHA-256", "host", "ann", "secret")
    assert b"first" in record.sent
