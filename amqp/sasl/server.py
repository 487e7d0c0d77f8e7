"""The listening side of SASL: a table of states, pure, on hostile octets (AMQP 1.0 §5.3).

Where a peer can be:

    HEADER ──SASL header──▶ INIT ──init──┬──────────────────────┬─▶ AMQP ──AMQP header──▶ DONE
       │                                 ├─▶ PASSWORD ──good────┤                          ▲
       │                                 └─▶ RELAY ──succeeded──┘                          │
       │                                      │ ▲                                          │
       │                            continued ▼ │ response                                 │
       │                                    RESPONSE  (EXTERNAL, PLAIN: if init was empty) │
       └──AMQP header, where no authentication is asked for────────────────────────────────┘

Everything that is not in the table refuses the peer: an unexpected frame or header breaks the protocol.
PASSWORD and RELAY wait for us, not for the peer: octets that arrive meanwhile are kept unread, within
MAX_BUFFERED. DONE needs the AMQP header, not the outcome: only then does a connection deserve an engine.
After REFUSED all is ignored, because answers of slow password checks and octets under way may still come in.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from skrouter.amqp import conditions
from skrouter.amqp.errors import DecodeError, LocalProtocolError
from skrouter.amqp.sasl import frames, refusals
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
from skrouter.amqp.sasl.frames import HeaderKind, OutcomeCode
from skrouter.amqp.sasl.inbound import MAX_BUFFERED, Inbound
from skrouter.amqp.sasl.mechanisms import anonymous, external, plain, steps
from skrouter.amqp.sasl.mechanisms.relay import RelayAnswer, RelayContinued, RelayFailed, RelaySucceeded

HANDSHAKE_TIMEOUT: Final = 60.0


class State(Enum):
    """Where the peer is; the picture is above."""

    HEADER = "waiting for the first header"
    INIT = "waiting for sasl-init"
    RESPONSE = "waiting for sasl-response"
    PASSWORD = "waiting for the password check"  # noqa: S105
    RELAY = "waiting for Cyrus"
    AMQP = "waiting for the AMQP header"
    DONE = "authenticated"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """What a listener asks of its peers."""

    mechanisms: tuple[str, ...]
    """Offered in this order; EXTERNAL only if there is an `external_user`, ANONYMOUS only without
    `authenticate_peer`.
    """
    authenticate_peer: bool = False
    """False: a peer may be anonymous, and skip SASL and begin with the AMQP header."""
    external_user: str | None = None
    """User id of the verified TLS certificate."""
    host_name: str = ""
    """Name of this host, for mechanisms that bind to it (GSSAPI)."""
    handshake_timeout: float = HANDSHAKE_TIMEOUT
    """Seconds for all of SASL."""

    @property
    def offered(self) -> tuple[str, ...]:
        """The mechanisms for this peer: who has to prove who it is cannot be anonymous."""
        impossible = {external.NAME} if self.external_user is None else set()
        if self.authenticate_peer:
            impossible.add(anonymous.NAME)
        return tuple(mechanism for mechanism in self.mechanisms if mechanism not in impossible)


class Server:
    """One peer's authentication. After Authenticated or Refused it wants nothing more."""

    __slots__ = ("_config", "_deadline", "_inbound", "_mechanism", "_state", "_user")

    def __init__(self, config: ServerConfig, now: float) -> None:
        self._config = config
        self._deadline: float | None = now + config.handshake_timeout
        self._inbound = Inbound()
        self._mechanism = ""
        self._user: str | None = None
        self._state = State.HEADER

    @property
    def state(self) -> State:
        """Where the peer is."""
        return self._state

    def receive(self, data: bytes, now: float) -> list[Effect]:
        """Octets from the peer."""
        if self._state is State.REFUSED:
            return []
        if self._state is State.DONE:
            raise LocalProtocolError("octets after Authenticated belong to the engine, not to SASL")
        self._inbound.add(data)
        return self._expired(now) or self._pump()

    def password_checked(self, accepted: bool, now: float) -> list[Effect]:
        """The answer to CheckPassword."""
        return self._answered(State.PASSWORD, accepted, now)

    def relayed(self, answer: RelayAnswer, now: float) -> list[Effect]:
        """The answer to RelayStart or RelayStep."""
        return self._answered(State.RELAY, answer, now)

    def next_deadline(self) -> float | None:
        """When `handle_timeout` is due; None: never."""
        return self._deadline

    def handle_timeout(self, now: float) -> list[Effect]:
        """Refuse the peer if its time is over."""
        return self._expired(now)

    # --- from inputs to the table ---

    def _expired(self, now: float) -> list[Effect]:
        if self._deadline is None or now < self._deadline:
            return []
        return self._refuse(refusals.too_slow(self._config.handshake_timeout))

    def _answered(self, awaited: State, answer: object, now: float) -> list[Effect]:
        if self._state is State.REFUSED:
            return []
        if self._state is not awaited:
            raise LocalProtocolError(f"an answer that nobody waits for, {self._state.value}")
        if effects := self._expired(now):
            return effects
        return _ANSWERED[awaited](self, answer) + self._pump()

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
        if handler := _HEADERS.get((self._state, kind)):
            return handler(self)
        return self._wrong_header(kind)

    def _read_frame(self) -> list[Effect] | None:
        frame = self._inbound.take_frame()
        if frame is None:
            return None
        if handler := _FRAMES.get((self._state, type(frame))):
            return handler(self, frame)
        return self._refuse(refusals.malformed(f"{type(frame).__name__.lower()} frame, {self._state.value}"))

    # --- what the table's cells do ---

    def _begin(self) -> list[Effect]:
        self._inbound.skip_header()
        self._state = State.INIT
        return [Send(frames.SASL_HEADER + frames.encode_frame(frames.Mechanisms(self._config.offered)))]

    def _skip(self) -> list[Effect]:
        if self._config.authenticate_peer:
            return [Send(frames.SASL_HEADER), *self._refuse(refusals.skipped())]
        return self._finish(Identity(None, None))

    def _enter(self) -> list[Effect]:
        return self._finish(Identity(self._mechanism, self._user))

    def _wrong_header(self, kind: HeaderKind) -> list[Effect]:
        if kind is HeaderKind.OTHER:
            refusal, reply = refusals.unknown_protocol(self._inbound.take_all())
            return [Send(reply), *self._refuse(refusal)]
        wanted = frames.SASL_HEADER if self._state is State.HEADER else frames.AMQP_HEADER
        refusal = refusals.refused(conditions.FRAMING_ERROR, f"unexpected {kind.value}", self._state.value)
        return [Send(wanted), *self._refuse(refusal)]

    def _init(self, frame: frames.Init) -> list[Effect]:
        self._mechanism = frame.mechanism
        if frame.mechanism not in self._config.offered:
            return self._deny(refusals.not_offered(frame.mechanism))
        return self._do(self._step(frame.initial_response), first=True)

    def _response(self, frame: frames.Response) -> list[Effect]:
        return self._do(self._step(frame.data), first=False)

    def _step(self, response: bytes | None) -> steps.Step:
        match self._mechanism:
            case anonymous.NAME:
                return anonymous.server_step(response)
            case plain.NAME:
                return plain.server_step(response)
            case external.NAME:
                return external.server_step(response, self._config.external_user or "")
            case _:
                return steps.AskRelay(response)

    def _do(self, step: steps.Step, *, first: bool) -> list[Effect]:
        match step:
            case steps.Succeed(user, data):
                return self._accept(user, data)
            case steps.Fail(detail):
                return self._deny(refusals.not_authenticated(self._mechanism, detail))
            case steps.Challenge(data):
                return self._challenge(data)
            case steps.AskPassword(user, password, authzid):
                self._user, self._state = user, State.PASSWORD
                return [CheckPassword(user, password, authzid)]
            case steps.AskRelay(response):
                self._state = State.RELAY
                start = first or response is None
                return [RelayStart(self._mechanism, response) if start else RelayStep(response or b"")]

    def _password(self, accepted: bool) -> list[Effect]:
        if accepted:
            return self._accept(self._user or "", None)
        return self._deny(refusals.not_authenticated(self._mechanism))

    def _relay(self, answer: RelayAnswer) -> list[Effect]:
        match answer:
            case RelayContinued(data):
                return self._challenge(data or b"")
            case RelaySucceeded(None, _):
                return self._deny(refusals.not_authenticated(self._mechanism, "Cyrus names no user"))
            case RelaySucceeded(user, data):
                return self._accept(user or "", data)
            case RelayFailed(detail):
                return self._deny(refusals.not_authenticated(self._mechanism, detail))

    # --- steps that several cells share ---

    def _challenge(self, data: bytes) -> list[Effect]:
        self._state = State.RESPONSE
        return [Send(frames.encode_frame(frames.Challenge(data)))]

    def _accept(self, user: str, data: bytes | None) -> list[Effect]:
        self._user, self._state = user, State.AMQP
        return [Send(frames.encode_frame(frames.Outcome(OutcomeCode.OK, data)))]

    def _deny(self, refusal: Refused) -> list[Effect]:
        return [Send(frames.encode_frame(frames.Outcome(OutcomeCode.AUTH))), *self._refuse(refusal)]

    def _finish(self, identity: Identity) -> list[Effect]:
        self._state, self._deadline = State.DONE, None
        return [Authenticated(identity, self._inbound.take_all())]

    def _refuse(self, refusal: Refused) -> list[Effect]:
        self._state, self._deadline = State.REFUSED, None
        self._inbound.take_all()
        return [refusal]


_READ_BY: Final[dict[State, Callable[[Server], list[Effect] | None]]] = {
    State.HEADER: Server._read_header,
    State.INIT: Server._read_frame,
    State.RESPONSE: Server._read_frame,
    State.AMQP: Server._read_header,
}

_HEADERS: Final[dict[tuple[State, HeaderKind], Callable[[Server], list[Effect]]]] = {
    (State.HEADER, HeaderKind.SASL): Server._begin,
    (State.HEADER, HeaderKind.AMQP): Server._skip,
    (State.AMQP, HeaderKind.AMQP): Server._enter,
}

_FRAMES: Final[dict[tuple[State, type], Callable[[Server, Any], list[Effect]]]] = {
    (State.INIT, frames.Init): Server._init,
    (State.RESPONSE, frames.Response): Server._response,
}

_ANSWERED: Final[dict[State, Callable[[Server, Any], list[Effect]]]] = {
    State.PASSWORD: Server._password,
    State.RELAY: Server._relay,
}
