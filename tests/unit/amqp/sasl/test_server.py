"""The listening side: the wire order of real routers, every state with every input, and hostile peers."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skrouter.amqp.errors import LocalProtocolError
from skrouter.amqp.sasl import frames
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
from skrouter.amqp.sasl.inbound import MAX_BUFFERED
from skrouter.amqp.sasl.mechanisms.relay import RelayContinued, RelayFailed, RelaySucceeded
from skrouter.amqp.sasl.server import Server, ServerConfig, State
from skrouter.amqp.types import UByte
from skrouter_testing import frames as raw

SASL, AMQP, TLS = frames.SASL_HEADER, frames.AMQP_HEADER, frames.TLS_HEADER
ALL = ServerConfig(("ANONYMOUS", "EXTERNAL", "PLAIN", "SCRAM-SHA-256"), external_user="CN=B")
ASKING = replace(ALL, authenticate_peer=True)
OPEN = raw.amqp_frame("open", container_id="peer")

OFFER = SASL + frames.encode_frame(frames.Mechanisms(ALL.offered))
OK = frames.encode_frame(frames.Outcome(frames.OutcomeCode.OK))
AUTH = frames.encode_frame(frames.Outcome(frames.OutcomeCode.AUTH))


def init(mechanism: str, response: bytes | None = None) -> bytes:
    """A sasl-init frame."""
    return frames.encode_frame(frames.Init(mechanism, response))


def response(data: bytes) -> bytes:
    """A sasl-response frame."""
    return frames.encode_frame(frames.Response(data))


def challenge(data: bytes) -> bytes:
    """A sasl-challenge frame."""
    return frames.encode_frame(frames.Challenge(data))


def server(config: ServerConfig = ALL) -> Server:
    """A server whose time begins at 0."""
    return Server(config, 0.0)


def refusal(effects: list[Effect]) -> Refused:
    """The refusal that must be last."""
    assert isinstance(effects[-1], Refused), effects
    return effects[-1]


def test_anonymous_is_accepted_in_the_captured_order() -> None:
    machine = server(ServerConfig(("ANONYMOUS",)))
    offer = bytes.fromhex("414d5150030100000000001c02010000005340c00f01e00c01a309414e4f4e594d4f5553")
    assert machine.receive(SASL, 0.0) == [Send(offer)]
    sent = bytes.fromhex(
        "0000002b02010000005341c01e02a309414e4f4e594d4f5553a010616e6f6e796d6f757340686f73742d62"
    )
    assert machine.receive(sent, 0.0) == [Send(bytes.fromhex("0000001002010000005344c003015000"))]
    assert machine.receive(AMQP[:5], 0.0) == []
    assert machine.receive(AMQP[5:] + OPEN, 0.0) == [
        Authenticated(Identity("ANONYMOUS", "anonymous"), AMQP + OPEN)
    ]
    assert machine.next_deadline() is None


def test_a_peer_may_send_everything_at_once() -> None:
    assert server().receive(SASL + init("ANONYMOUS", b"anonymous") + AMQP + OPEN, 0.0) == [
        Send(OFFER),
        Send(OK),
        Authenticated(Identity("ANONYMOUS", "anonymous"), AMQP + OPEN),
    ]


def test_sasl_may_be_skipped_only_where_no_authentication_is_asked_for() -> None:
    free = server(ServerConfig(("ANONYMOUS",), authenticate_peer=False))
    assert free.receive(AMQP + OPEN, 0.0) == [Authenticated(Identity(None, None), AMQP + OPEN)]
    effects = server(ASKING).receive(AMQP + OPEN, 0.0)
    assert effects[0] == Send(SASL)
    assert refusal(effects).log_text == (
        "amqp:connection:policy-error Client skipped authentication - forbidden"
    )


def test_b8_who_has_to_prove_who_it_is_cannot_be_anonymous() -> None:
    assert ASKING.offered == ("EXTERNAL", "PLAIN", "SCRAM-SHA-256")
    effects = server(ASKING).receive(SASL + init("ANONYMOUS", b"x") + AMQP + OPEN, 0.0)
    assert "inclusion list" in refusal(effects).description


def test_external_is_offered_only_with_a_certificate() -> None:
    assert "EXTERNAL" in ALL.offered
    without = ServerConfig(ALL.mechanisms)
    assert without.offered == ("ANONYMOUS", "PLAIN", "SCRAM-SHA-256")
    effects = server(without).receive(SASL + init("EXTERNAL", b""), 0.0)
    assert "inclusion list" in refusal(effects).description


@pytest.mark.parametrize("authzid", [b"", b"CN=B"])
def test_external_is_the_user_of_the_certificate(authzid: bytes) -> None:
    effects = server().receive(SASL + init("EXTERNAL", authzid) + AMQP, 0.0)
    assert effects[-1] == Authenticated(Identity("EXTERNAL", "CN=B"), AMQP)


def test_external_without_a_response_asks_for_one() -> None:
    machine = server()
    assert machine.receive(SASL + init("EXTERNAL"), 0.0) == [Send(OFFER), Send(challenge(b""))]
    assert machine.receive(response(b""), 0.0) == [Send(OK)]


def test_external_for_somebody_else_is_refused() -> None:
    effects = server().receive(SASL + init("EXTERNAL", b"CN=A"), 0.0)
    assert effects[-2] == Send(AUTH)
    assert refusal(effects).description == "Authentication failed [mech=EXTERNAL]"


@pytest.mark.parametrize("authzid", ["", "bob"])
def test_plain_asks_for_a_password_check(authzid: str) -> None:
    machine = server()
    effects = machine.receive(SASL + init("PLAIN", f"{authzid}\0bob\0secret ☃".encode()) + AMQP + OPEN, 0.0)
    assert effects == [Send(OFFER), CheckPassword("bob", "secret ☃", authzid)]
    assert machine.password_checked(True, 1.0) == [
        Send(OK),
        Authenticated(Identity("PLAIN", "bob"), AMQP + OPEN),
    ]


def test_plain_without_a_response_asks_for_one() -> None:
    machine = server()
    assert machine.receive(SASL + init("PLAIN"), 0.0)[-1] == Send(challenge(b""))
    assert machine.receive(response(b"\0bob\0x"), 0.0) == [CheckPassword("bob", "x", "")]


def test_a_wrong_password_is_refused_with_the_reference_s_text() -> None:
    machine = server()
    machine.receive(SASL + init("PLAIN", b"\0bob\0wrong"), 0.0)
    assert machine.password_checked(False, 0.0) == [
        Send(AUTH),
        Refused(
            "amqp:unauthorized-access",
            "Authentication failed [mech=PLAIN]",
            "amqp:unauthorized-access Authentication failed [mech=PLAIN]",
        ),
    ]


@pytest.mark.parametrize(
    "octets",
    [b"", b"\0", b"bob\0secret", b"\0\0secret", b"\0bob\0", b"alice\0bob\0x", b"\0bob\0x\0y", b"\0\xff\0x"],
)
def test_a_malformed_plain_response_is_refused_without_a_check(octets: bytes) -> None:
    effects = server().receive(SASL + init("PLAIN", octets), 0.0)
    assert effects[:2] == [Send(OFFER), Send(AUTH)]
    assert refusal(effects).log_text.startswith(
        "amqp:unauthorized-access Authentication failed [mech=PLAIN]: "
    )


def test_passwords_do_not_show() -> None:
    assert "secret" not in repr(CheckPassword("bob", "secret", ""))


def test_a_mechanism_that_was_not_offered_is_refused_as_captured() -> None:
    machine = server(ServerConfig(("ANONYMOUS",)))
    effects = machine.receive(
        SASL + bytes.fromhex("0000001b02010000005341c00e02a305504c41494ea00400610062"), 0.0
    )
    assert effects[1] == Send(bytes.fromhex("0000001002010000005344c003015001"))
    assert refusal(effects).log_text == (
        "amqp:unauthorized-access Client mechanism not in mechanism inclusion list. "
        "(Failed to authenticate client [mech=PLAIN])"
    )


def test_a_mechanism_name_cannot_forge_log_lines() -> None:
    text = refusal(server().receive(SASL + init("X\n2026 SERVER (info) fine" + "y" * 9999), 0.0)).log_text
    assert "\n" not in text
    assert len(text) < 300


def test_scram_is_relayed_to_cyrus_and_back() -> None:
    machine = server()
    assert machine.receive(SASL + init("SCRAM-SHA-256", b"n,,first"), 0.0) == [
        Send(OFFER),
        RelayStart("SCRAM-SHA-256", b"n,,first"),
    ]
    assert machine.relayed(RelayContinued(b"r=1"), 0.0) == [Send(challenge(b"r=1"))]
    assert machine.receive(response(b"p=1"), 0.0) == [RelayStep(b"p=1")]
    outcome = frames.encode_frame(frames.Outcome(frames.OutcomeCode.OK, b"v=1"))
    assert machine.relayed(RelaySucceeded("bob", b"v=1"), 0.0) == [Send(outcome)]
    assert machine.receive(AMQP, 0.0) == [Authenticated(Identity("SCRAM-SHA-256", "bob"), AMQP)]


def test_scram_without_a_response_starts_empty_and_goes_on_with_steps() -> None:
    machine = server()
    assert machine.receive(SASL + init("SCRAM-SHA-256"), 0.0)[-1] == RelayStart("SCRAM-SHA-256", None)
    machine.relayed(RelayContinued(b""), 0.0)
    assert machine.receive(response(b"n,,first"), 0.0) == [RelayStep(b"n,,first")]


@pytest.mark.parametrize("answer", [RelayFailed("bad proof"), RelaySucceeded(None)])
def test_a_refusal_of_cyrus_is_an_outcome_and_a_reason(answer: RelayFailed | RelaySucceeded) -> None:
    machine = server()
    machine.receive(SASL + init("SCRAM-SHA-256", b"x"), 0.0)
    effects = machine.relayed(answer, 0.0)
    assert effects[0] == Send(AUTH)
    assert "[mech=SCRAM-SHA-256]: " in refusal(effects).log_text


@pytest.mark.parametrize(
    ("octets", "quoted"),
    [
        (b"GET / HTTP/1.0\r\n\r\n", r"GET / HTTP/1.0\x0d\x0a\x0d\x0a"),
        (b"AMQP\0\0\x09\1", r"AMQP\x00\x00\x09\x01"),
        (b"z" * 100, "z" * 64 + "..."),
    ],
)
def test_an_unknown_protocol_is_told_so_in_amqp(octets: bytes, quoted: str) -> None:
    effects = server().receive(octets, 0.0)
    assert refusal(effects).log_text == f"amqp:connection:framing-error Unknown protocol detected: '{quoted}'"
    assert isinstance(effects[0], Send)
    assert effects[0].data.startswith(AMQP + bytes.fromhex("0000001002000000005310c00301a100"))


def test_the_answer_to_http_is_the_captured_one() -> None:
    effects = server().receive(b"GET / HTTP/1.0\r\n\r\n", 0.0)
    assert effects[0] == Send(
        AMQP
        + bytes.fromhex(
            "0000001002000000005310c00301a100"
            "0000007002000000005318c0630100531dc05d02a31d616d71703a636f6e6e656374696f6e3a6672616d696e672d6572726f72"
            "a13b556e6b6e6f776e2070726f746f636f6c2064657465637465643a2027474554202f20485454502f312e30"
            "5c7830645c7830615c7830645c78306127"
        )
    )


def test_a_tls_header_is_answered_with_the_header_that_would_do() -> None:
    effects = server().receive(TLS, 0.0)
    assert effects[0] == Send(SASL)
    assert refusal(effects).description == "unexpected TLS header"


# --- time and space ---


def test_the_handshake_has_a_deadline() -> None:
    machine = Server(ALL, 100.0)
    assert machine.next_deadline() == 160.0
    assert machine.handle_timeout(159.9) == []
    effects = machine.handle_timeout(160.0)
    assert refusal(effects).description == "SASL handshake not finished within 60 seconds"
    assert machine.next_deadline() is None
    assert machine.handle_timeout(170.0) == []


def test_late_octets_and_answers_count_as_too_late() -> None:
    machine = server()
    machine.receive(SASL + init("PLAIN", b"\0bob\0x"), 0.0)
    assert "within 60 seconds" in refusal(machine.password_checked(True, 60.0)).description
    assert "within 60 seconds" in refusal(server().receive(SASL, 61.0)).description


def test_octets_kept_during_a_check_are_bounded() -> None:
    machine = server()
    machine.receive(SASL + init("PLAIN", b"\0bob\0x"), 0.0)
    assert machine.receive(AMQP + b"x" * (MAX_BUFFERED - 8), 0.0) == []
    assert "65536 octets sent before authentication" in refusal(machine.receive(b"x", 0.0)).description
    assert machine.password_checked(True, 0.0) == []


def test_many_octets_behind_the_amqp_header_are_no_offence() -> None:
    effects = server().receive(SASL + init("ANONYMOUS") + AMQP + b"x" * 10 * MAX_BUFFERED, 0.0)
    assert isinstance(effects[-1], Authenticated)


def test_a_frame_that_is_too_large_is_refused_by_its_first_octets() -> None:
    effects = server().receive(SASL + raw.frame_header_that_announces(frames.MAX_FRAME + 1, 1)[:4], 0.0)
    assert refusal(effects).condition == "amqp:connection:framing-error"


# --- every state with every input ---

REACHED = {
    State.HEADER: [],
    State.INIT: [SASL],
    State.RESPONSE: [SASL + init("PLAIN")],
    State.PASSWORD: [SASL + init("PLAIN", b"\0bob\0x")],
    State.RELAY: [SASL + init("SCRAM-SHA-256", b"x")],
    State.AMQP: [SASL + init("ANONYMOUS")],
    State.DONE: [SASL + init("ANONYMOUS") + AMQP],
    State.REFUSED: [b"GET / HTTP/1.0"],
}

OCTETS = {
    "SASL header": SASL,
    "AMQP header": AMQP,
    "TLS header": TLS,
    "other octets": b"x" * 8,
    "init": init("ANONYMOUS"),
    "response": response(b"\0bob\0x"),
    "challenge": challenge(b"x"),
    "mechanisms": frames.encode_frame(frames.Mechanisms(("PLAIN",))),
    "outcome": raw.sasl_frame("sasl-outcome", code=UByte(0)),
    "AMQP frame": OPEN,
    "half a header": SASL[:4],
}

NEXT = {
    (State.HEADER, "SASL header"): State.INIT,
    (State.HEADER, "AMQP header"): State.DONE,
    (State.HEADER, "half a header"): State.HEADER,
    (State.INIT, "init"): State.AMQP,
    (State.RESPONSE, "response"): State.PASSWORD,
    (State.AMQP, "AMQP header"): State.DONE,
    (State.AMQP, "half a header"): State.AMQP,
    **{(State.PASSWORD, name): State.PASSWORD for name in OCTETS},
    **{(State.RELAY, name): State.RELAY for name in OCTETS},
}
"""What is not here refuses the peer. `half a header` is an impossible frame size where frames are read."""


def at(state: State) -> Server:
    """A server in that state."""
    machine = server()
    for octets in REACHED[state]:
        machine.receive(octets, 0.0)
    assert machine.state is state
    return machine


@pytest.mark.parametrize("name", OCTETS)
@pytest.mark.parametrize("state", [state for state in State if state is not State.DONE])
def test_every_state_with_every_kind_of_octets(state: State, name: str) -> None:
    machine = at(state)
    effects = machine.receive(OCTETS[name], 0.0)
    expected = NEXT.get((state, name), State.REFUSED)
    assert machine.state is expected
    if expected is State.REFUSED and state is not State.REFUSED:
        assert refusal(effects).log_text
        assert [type(effect) for effect in effects].count(Refused) == 1
    elif state is State.REFUSED:
        assert effects == []
    else:
        assert not any(isinstance(effect, Refused) for effect in effects)
    assert any(isinstance(effect, Authenticated) for effect in effects) is (expected is State.DONE)


def test_octets_after_the_end_are_a_defect_of_the_caller() -> None:
    with pytest.raises(LocalProtocolError, match="belong to the engine"):
        at(State.DONE).receive(b"x", 0.0)


@pytest.mark.parametrize("state", State)
def test_every_state_with_a_password_check(state: State) -> None:
    machine = at(state)
    if state is State.PASSWORD:
        assert machine.password_checked(True, 0.0) == [Send(OK)]
    elif state is State.REFUSED:
        assert machine.password_checked(True, 0.0) == []
    else:
        with pytest.raises(LocalProtocolError, match="nobody waits for"):
            machine.password_checked(True, 0.0)
        assert machine.state is state


@pytest.mark.parametrize("answer", [RelayContinued(b""), RelaySucceeded("bob"), RelayFailed()])
@pytest.mark.parametrize("state", State)
def test_every_state_with_every_answer_of_cyrus(
    state: State, answer: RelayContinued | RelaySucceeded | RelayFailed
) -> None:
    machine = at(state)
    if state is State.RELAY:
        assert machine.relayed(answer, 0.0)
        after = {RelayContinued: State.RESPONSE, RelaySucceeded: State.AMQP, RelayFailed: State.REFUSED}
        assert machine.state is after[type(answer)]
    elif state is State.REFUSED:
        assert machine.relayed(answer, 0.0) == []
    else:
        with pytest.raises(LocalProtocolError, match="nobody waits for"):
            machine.relayed(answer, 0.0)
        assert machine.state is state


@pytest.mark.parametrize("state", State)
def test_every_state_with_the_deadline(state: State) -> None:
    machine = at(state)
    effects = machine.handle_timeout(1000.0)
    if state in (State.DONE, State.REFUSED):
        assert effects == []
        assert machine.state is state
    else:
        assert len(effects) == 1
        assert refusal(effects)
        assert machine.state is State.REFUSED


# --- the stream may be cut anywhere ---

CONVERSATIONS = [
    SASL + init("ANONYMOUS", b"anonymous@host") + AMQP + OPEN,
    SASL + init("PLAIN") + response(b"\0bob\0x") + AMQP + OPEN,
    SASL + init("EXTERNAL") + response(b"") + AMQP,
    SASL + init("SCRAM-SHA-256", b"x") + response(b"y") + AMQP + OPEN,
    SASL + init("NTLM", b"x") + AMQP,
    SASL + SASL,
    SASL + init("PLAIN", b"\0bob") + AMQP,
    AMQP + OPEN,
    TLS + b"x" * 20,
    SASL + OPEN,
]


def play(stream: bytes, cuts: list[int]) -> list[Effect]:
    """All effects; checks and Cyrus answer at once; octets after Authenticated are joined to its rest."""
    machine, effects = server(), list[Effect]()
    bounds = [0, *sorted(cuts), len(stream)]
    for start, end in itertools.pairwise(bounds):
        piece = stream[start:end]
        if machine.state is State.DONE:
            done = effects.pop()
            assert isinstance(done, Authenticated)
            effects.append(Authenticated(done.identity, done.rest + piece))
        else:
            effects += served(machine, machine.receive(piece, 0.0))
    return effects


def served(machine: Server, effects: list[Effect]) -> list[Effect]:
    """The effects, and those of the answers to them."""
    match effects[-1] if effects else None:
        case CheckPassword():
            return effects + served(machine, machine.password_checked(True, 0.0))
        case RelayStart():
            return effects + served(machine, machine.relayed(RelayContinued(b"c"), 0.0))
        case RelayStep():
            return effects + served(machine, machine.relayed(RelaySucceeded("bob", None), 0.0))
        case _:
            return effects


@given(st.sampled_from(CONVERSATIONS), st.data())
def test_the_effects_do_not_depend_on_how_the_stream_is_cut(stream: bytes, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=12))
    assert play(stream, cuts) == play(stream, [])
    assert play(stream, list(range(len(stream)))) == play(stream, [])


@given(st.lists(st.sampled_from([*OCTETS.values(), b"\0", b"A"]) | st.binary(max_size=40), max_size=12))
def test_no_octets_break_the_machine_or_get_in_without_a_header(pieces: list[bytes]) -> None:
    machine, effects = server(), list[Effect]()
    for piece in pieces:
        if machine.state is not State.DONE:
            effects += machine.receive(piece, 0.0)
    ends = [effect for effect in effects if isinstance(effect, Authenticated | Refused)]
    assert len(ends) <= 1
    for end in ends:
        assert isinstance(end, Refused) or end.rest.startswith(AMQP)
