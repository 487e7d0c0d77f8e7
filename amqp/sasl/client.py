"""The connecting side of SASL: a table of states, pure (AMQP 1.0 §5.3).

    (start: SASL header) ──▶ HEADER ──SASL header──▶ MECHANISMS ──mechanisms: init──▶ OUTCOME ──ok──▶ DONE
                                                         │                            ▲   │ ok with data
                                                         │ RelayStart        answered │   ▼ or challenge
                                                         └─────────────────────────▶ RELAY

A mechanism of Cyrus must be satisfied itself before an outcome counts: SCRAM proves the server to us as well,
so an early "ok" is a refusal, not a gift. Our own AMQP header is sent by the engine, after Authenticated.
What is not in the table refuses the peer; octets that arrive while Cyrus works are kept, within MAX_BUFFERED.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from skrouter.amqp import conditions
from skrouter.amqp.errors import DecodeError, LocalProtocolError
from skrouter.amqp.sasl import frames, refusals
from skrouter.amqp.sasl.effects import (
    Authenticated,
    Effect,
    Identity,
    Refused,
    RelayStart,
    RelayStep,
    Send,
)
from skrouter.amqp.sasl.frames import HeaderKind, OutcomeCode
from skrouter.amqp.sasl.inbound import MAX_BUFFERED, Inbound
from skrouter.amqp.sasl.mechanisms import anonymous, external, plain
from skrouter.amqp.sasl.mechanisms.relay import (
    GSSAPI,
    SCRAM_BY_STRENGTH,
    RelayAnswer,
    RelayContinued,
    RelayFailed,
    RelaySucceeded,
)

HANDSHAKE_TIMEOUT: Final = 60.0


class State(Enum):
    """Where the server is; the picture is above."""

    IDLE = "not started"
    HEADER = "waiting for the first header"
    MECHANISMS = "waiting for sasl-mechanisms"
    OUTCOME = "waiting for sasl-challenge or sasl-outcome"
    RELAY = "waiting for Cyrus"
    DONE = "authenticated"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """What a connector can prove, and how it may."""

    mechanisms: tuple[str, ...] | None = None
    """Allowed ones; None: all but GSSAPI, which needs tickets and so must be named."""
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    external: bool = False
    """A client certificate was given to TLS."""
    host_name: str = ""
    """Name of this host, part of the ANONYMOUS response."""
    handshake_timeout: float = HANDSHAKE_TIMEOUT
    """Seconds for all of SASL."""

    def __post_init__(self) -> None:
        """Refuse credentials that no mechanism can carry, before a connection is made."""
        if "\0" in (self.username or "") + (self.password or ""):
            raise ValueError("saslUsername and saslPassword must not contain NUL")

    @property
    def usable(self) -> tuple[str, ...]:
        """Mechanisms allowed and possible, the preferred one first."""
        return tuple(m for m in self._possible() if self.mechanisms is None or m in self.mechanisms)

    def _possible(self) -> list[str]:
        possible = [external.NAME] if self.external else []
        if self.mechanisms is not None:
            possible.append(GSSAPI)
        if self.username is not None and self.password is not None:
            possible += [*SCRAM_BY_STRENGTH, plain.NAME]
        return [*possible, anonymous.NAME]


class Client:
    """Our authentication to one server. After Authenticated or Refused it wants nothing more."""

    __slots__ = (
        "_begun",
        "_config",
        "_deadline",
        "_inbound",
        "_mechanism",
        "_outcome_seen",
        "_satisfied",
        "_state",
    )

    def __init__(self, config: ClientConfig, now: float) -> None:
        self._config = config
        self._deadline: float | None = now + config.handshake_timeout
        self._inbound = Inbound()
        self._mechanism = ""
        self._begun = False
        self._satisfied = False
        self._outcome_seen = False
        self._state = State.IDLE

    @property
    def state(self) -> State:
        """Where the server is."""
        return self._state

    def start(self) -> list[Effect]:
        """Begin; call it once, first."""
        if self._state is not State.IDLE:
            raise LocalProtocolError("the SASL client was started twice")
        self._state = State.HEADER
        return [Send(frames.SASL_HEADER)]

    def receive(self, data: bytes, now: float) -> list[Effect]:
        """Octets from the server."""
        if self._state is State.REFUSED:
            return []
        if self._state in (State.IDLE, State.DONE):
            raise LocalProtocolError(f"octets for the SASL client, {self._state.value}")
        self._inbound.add(data)
        return self._expired(now) or self._pump()

    def relayed(self, answer: RelayAnswer, now: float) -> list[Effect]:
        """The answer to RelayStart or RelayStep."""
        if self._state is State.REFUSED:
            return []
        if self._state is not State.RELAY:
            raise LocalProtocolError(f"an answer that nobody waits for, {self._state.value}")
        return self._expired(now) or self._relay(answer) + self._pump()

    def next_deadline(self) -> float | None:
        """When `handle_timeout` is due; None: never."""
        return self._deadline

    def handle_timeout(self, now: float) -> list[Effect]:
        """Give the server up if its time is over."""
        return self._expired(now)

    # --- from inputs to the table ---

    def _expired(self, now: float) -> list[Effect]:
        if self._deadline is None or now < self._deadline:
            return []
        return self._refuse(refusals.too_slow(self._config.handshake_timeout))

    def _pump(self) -> list[Effect]:
        """Use waiting octets as long as the state reads any and they suffice."""
        effects: list[Effect] = []
        try:
            while self._state in _READ_BY and (more := _READ_BY[self._state](self)) is not None:
                effects += more
        except DecodeError as error:
            effects += self._refuse(refusals.malformed(error.description))
        if self._inbound.overfull and self._state is not State.REFUSED:
            effects += self._refuse(refusals.too_much(MAX_BUFFERED))
        return effects

    def _read_header(self) -> list[Effect] | None:
        kind = self._inbound.peek_header()
        if kind is None:
            return None
        if kind is HeaderKind.SASL:
            self._inbound.skip_header()
            self._state = State.MECHANISMS
            return []
        if kind is HeaderKind.OTHER:
            refusal, reply = refusals.unknown_protocol(self._inbound.take_all())
            return [Send(reply), *self._refuse(refusal)]
        return self._refuse(
            refusals.refused(conditions.FRAMING_ERROR, f"unexpected {kind.value}", self._state.value)
        )

    def _read_frame(self) -> list[Effect] | None:
        frame = self._inbound.take_frame()
        if frame is None:
            return None
        if handler := _FRAMES.get((self._state, type(frame))):
            return handler(self, frame)
        return self._refuse(refusals.malformed(f"{type(frame).__name__.lower()} frame, {self._state.value}"))

    # --- what the table's cells do ---

    def _choose(self, frame: frames.Mechanisms) -> list[Effect]:
        usable = self._config.usable
        chosen = next((mechanism for mechanism in usable if mechanism in frame.names), None)
        if chosen is None:
            detail = f"offered: {_list(frame.names)}; usable here: {_list(usable)}"
            return self._refuse(refusals.not_authenticated("none", detail))
        self._mechanism = chosen
        if chosen == GSSAPI or chosen in SCRAM_BY_STRENGTH:
            self._state = State.RELAY
            return [RelayStart(chosen, None)]
        self._satisfied = True
        return [Send(frames.encode_frame(self._reply(self._initial_response())))]

    def _initial_response(self) -> bytes:
        if self._mechanism == external.NAME:
            return external.CLIENT_RESPONSE
        if self._mechanism == plain.NAME:
            return plain.client_response(self._config.username or "", self._config.password or "")
        return anonymous.client_response(self._config.host_name)

    def _challenge(self, frame: frames.Challenge) -> list[Effect]:
        if self._mechanism in (external.NAME, plain.NAME, anonymous.NAME):
            return self._refuse(refusals.malformed(f"a challenge in mechanism {self._mechanism}"))
        self._state = State.RELAY
        return [RelayStep(frame.data)]

    def _outcome(self, frame: frames.Outcome) -> list[Effect]:
        if frame.code is not OutcomeCode.OK:
            detail = f"the server's outcome is {frame.code.value} ({frame.code.name.lower()})"
            return self._refuse(refusals.not_authenticated(self._mechanism, detail))
        self._outcome_seen = True
        if frame.additional_data is not None and not self._satisfied:
            self._state = State.RELAY
            return [RelayStep(frame.additional_data)]
        return self._conclude()

    def _relay(self, answer: RelayAnswer) -> list[Effect]:
        match answer:
            case RelayFailed(detail):
                return self._refuse(refusals.not_authenticated(self._mechanism, detail))
            case RelaySucceeded(_, data):
                self._satisfied = True
            case RelayContinued(data):
                self._satisfied = False
        if self._outcome_seen:
            return self._conclude()
        return [Send(frames.encode_frame(self._reply(data)))]

    def _reply(self, data: bytes | None) -> frames.Frame:
        self._state = State.OUTCOME
        if self._begun:
            return frames.Response(data or b"")
        self._begun = True
        return frames.Init(self._mechanism, data)

    # --- steps that several cells share ---

    def _conclude(self) -> list[Effect]:
        if not self._satisfied:
            detail = "the server accepted before it had proved itself"
            return self._refuse(refusals.not_authenticated(self._mechanism, detail))
        self._state, self._deadline = State.DONE, None
        return [Authenticated(Identity(self._mechanism, None), self._inbound.take_all())]

    def _refuse(self, refusal: Refused) -> list[Effect]:
        self._state, self._deadline = State.REFUSED, None
        self._inbound.take_all()
        return [refusal]


def _list(names: tuple[str, ...]) -> str:
    return " ".join(refusals.quote(name.encode()) for name in names) or "none"


_READ_BY: Final[dict[State, Callable[[Client], list[Effect] | None]]] = {
    State.HEADER: Client._read_header,
    State.MECHANISMS: Client._read_frame,
    State.OUTCOME: Client._read_frame,
}

_FRAMES: Final[dict[tuple[State, type], Callable[[Client, Any], list[Effect]]]] = {
    (State.MECHANISMS, frames.Mechanisms): Client._choose,
    (State.OUTCOME, frames.Challenge): Client._challenge,
    (State.OUTCOME, frames.Outcome): Client._outcome,
}
