"""The SASL exchange of one connection: the machine's effects, carried out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from skrouter.amqp.sasl.client import Client
from skrouter.amqp.sasl.effects import (
    Authenticated,
    CheckPassword,
    Effect,
    Identity,
    Refused,
    RelayStart,
    RelayStep,
    Send,
)
from skrouter.amqp.sasl.mechanisms.relay import RelayAnswer, RelayFailed
from skrouter.amqp.sasl.server import Server
from skrouter.router.net import clock
from skrouter.router.net.authentication import Authenticator

if TYPE_CHECKING:
    from skrouter.amqp.cyrus import ClientRelay, ServerRelay


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Where the exchange leads: `send` octets, then `authenticated(identity, rest)` or `refused`.

    `trouble(text)`: Cyrus failed for a reason that is not the peer's.
    """

    send: Callable[[bytes], None]
    authenticated: Callable[[Identity, bytes], None]
    refused: Callable[[Refused], None]
    trouble: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Credentials:
    """What Cyrus needs for the client side of SCRAM and GSSAPI."""

    server: str
    user: str
    password: str


class Handshake:
    """One peer's exchange; `watch` sees its octets, and whether they go out.

    After `authenticated`, `refused` or `close` it does nothing more.
    """

    def __init__(
        self,
        machine: Server | Client,
        authenticator: Authenticator,
        outcomes: Outcomes,
        credentials: Credentials | None = None,
        watch: Callable[[bytes, bool], None] | None = None,
    ) -> None:
        self._machine = machine
        self._authenticator = authenticator
        self._outcomes = outcomes
        self._credentials = credentials
        self._watch = watch
        self._relay: ServerRelay | ClientRelay | None = None
        self._asking = False
        self._is_over = False

    def start(self) -> None:
        """The client side speaks first; the server side waits."""
        if isinstance(self._machine, Client):
            self._carry_out(self._machine.start())

    def receive(self, data: bytes) -> None:
        """Octets from the peer."""
        if not self._is_over:
            self._show(data, outgoing=False)
            self._carry_out(self._machine.receive(data, clock.monotonic()))

    def _show(self, data: bytes, *, outgoing: bool) -> None:
        if self._watch is not None:
            self._watch(data, outgoing)

    def close(self) -> None:
        """The connection is gone."""
        self._is_over = True
        self._free_relay()

    def _carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(data):
                    self._show(data, outgoing=True)
                    self._outcomes.send(data)
                case CheckPassword(user, password, _):
                    self._check(user, password)
                case RelayStart() | RelayStep():
                    self._ask_relay(effect)
                case Authenticated(identity, rest):
                    self.close()
                    self._outcomes.authenticated(identity, rest)
                case Refused():
                    self.close()
                    self._outcomes.refused(effect)

    # --- what blocks, on the thread

    def _check(self, user: str, password: str) -> None:
        def work() -> bool:
            return self._authenticator.cyrus().check_password(user, password)

        def done(accepted: bool | None, error: BaseException | None) -> None:
            self._complain(error)
            if not self._is_over and isinstance(self._machine, Server):
                self._carry_out(self._machine.password_checked(bool(accepted), clock.monotonic()))

        self._authenticator.ask(work, done)

    def _ask_relay(self, effect: RelayStart | RelayStep) -> None:
        def work() -> RelayAnswer:
            return self._step(effect)

        def done(answer: RelayAnswer | None, error: BaseException | None) -> None:
            self._asking = False
            self._complain(error)
            if self._is_over:
                self._free_relay()
                return
            self._carry_out(self._machine.relayed(answer or RelayFailed("Cyrus failed"), clock.monotonic()))

        self._asking = True
        self._authenticator.ask(work, done)

    def _step(self, effect: RelayStart | RelayStep) -> RelayAnswer:
        if isinstance(effect, RelayStep):
            if self._relay is None:
                return RelayFailed("no exchange has begun")
            return self._relay.step(effect.response)
        cyrus = self._authenticator.cyrus()
        if isinstance(self._machine, Server):
            self._relay = server = cyrus.server_relay(effect.mechanism)
            return server.start(effect.initial_response)
        known = self._credentials or Credentials("", "", "")
        self._relay = client = cyrus.client_relay(
            effect.mechanism, server=known.server, user=known.user, password=known.password
        )
        return client.start()

    def _complain(self, error: BaseException | None) -> None:
        if error is not None and not self._is_over:
            self._outcomes.trouble(str(error))

    def _free_relay(self) -> None:
        """Free what Cyrus holds, but not under the thread that uses it."""
        if self._relay is not None and not self._asking:
            self._relay.close()
            self._relay = None
