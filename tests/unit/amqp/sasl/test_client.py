"""The connecting side: its choice, the wire order of real routers, every state with every input."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skrouter.amqp.errors import LocalProtocolError
from skrouter.amqp.sasl import frames
from skrouter.amqp.sasl.client import Client, ClientConfig, State
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
from skrouter.amqp.sasl.frames import OutcomeCode
from skrouter.amqp.sasl.inbound import MAX_BUFFERED
from skrouter.amqp.sasl.mechanisms.relay import (
    RelayAnswer,
    RelayContinued,
    RelayFailed,
    RelaySucceeded,
)
from skrouter.amqp.sasl.server import Server, ServerConfig
from skrouter_testing import frames as raw

SASL, AMQP, TLS = frames.SASL_HEADER, frames.AMQP_HEADER, frames.TLS_HEADER
ALL_NAMES = ("ANONYMOUS", "PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256", "GSSAPI", "EXTERNAL", "CRAM-MD5")
BOB = ClientConfig(username="bob", password="secret", host_name="host-b")


def mechanisms(*names: str) -> bytes:
    """A sasl-mechanisms frame."""
    return frames.encode_frame(frames.Mechanisms(names))


def outcome(code: OutcomeCode = OutcomeCode.OK, data: bytes | None = None) -> bytes:
    """A sasl-outcome frame."""
    return frames.encode_frame(frames.Outcome(code, data))


def challenge(data: bytes) -> bytes:
    """A sasl-challenge frame."""
    return frames.encode_frame(frames.Challenge(data))


def started(config: ClientConfig = BOB) -> Client:
    """A client that has sent its header at time 0."""
    client = Client(config, 0.0)
    assert client.start() == [Send(SASL)]
    return client


def refusal(effects: list[Effect]) -> Refused:
    """The refusal that must be last."""
    assert isinstance(effects[-1], Refused), effects
    return effects[-1]


def init(mechanism: str, response: bytes | None = None) -> Send:
    """What the client sends to begin."""
    return Send(frames.encode_frame(frames.Init(mechanism, response)))


def test_anonymous_is_what_the_reference_sends() -> None:
    client = started(ClientConfig(host_name="host-b"))
    offer = bytes.fromhex("0000001c02010000005340c00f01e00c01a309414e4f4e594d4f5553")
    sent = bytes.fromhex(
        "0000002b02010000005341c01e02a309414e4f4e594d4f5553a010616e6f6e796d6f757340686f73742d62"
    )
    assert client.receive(SASL + offer, 0.0) == [Send(sent)]
    assert client.receive(bytes.fromhex("0000001002010000005344c003015000"), 0.0) == [
        Authenticated(Identity("ANONYMOUS", None), b"")
    ]
    assert client.next_deadline() is None


def test_octets_behind_the_outcome_are_handed_on() -> None:
    client = started()
    client.receive(SASL + mechanisms("ANONYMOUS"), 0.0)
    assert client.receive(outcome() + AMQP + b"x" * 10 * MAX_BUFFERED, 0.0) == [
        Authenticated(Identity("ANONYMOUS", None), AMQP + b"x" * 10 * MAX_BUFFERED)
    ]


@pytest.mark.parametrize(
    ("config", "chosen"),
    [
        (ClientConfig(), init("ANONYMOUS", b"anonymous@")),
        (BOB, RelayStart("SCRAM-SHA-256", None)),
        (ClientConfig(external=True, username="bob", password="x"), init("EXTERNAL", b"")),
        (ClientConfig(("PLAIN",), "bob", "x"), init("PLAIN", b"\0bob\0x")),
        (ClientConfig(("ANONYMOUS", "PLAIN"), "bob", "x"), init("PLAIN", b"\0bob\0x")),
        (ClientConfig(("GSSAPI", "ANONYMOUS")), RelayStart("GSSAPI", None)),
        (ClientConfig(("SCRAM-SHA-1", "PLAIN"), "bob", "x"), RelayStart("SCRAM-SHA-1", None)),
        (ClientConfig(username="bob"), init("ANONYMOUS", b"anonymous@")),
    ],
)
def test_the_strongest_possible_mechanism_is_chosen(config: ClientConfig, chosen: Effect) -> None:
    assert started(config).receive(SASL + mechanisms(*ALL_NAMES), 0.0) == [chosen]


@pytest.mark.parametrize(
    ("config", "offered"),
    [
        (ClientConfig(("PLAIN",)), ("PLAIN",)),
        (ClientConfig(("EXTERNAL",)), ("EXTERNAL",)),
        (ClientConfig(), ("PLAIN", "EXTERNAL", "CRAM-MD5")),
        (ClientConfig(("ANONYMOUS",)), ()),
    ],
)
def test_no_common_mechanism_is_refused_and_both_lists_are_named(
    config: ClientConfig, offered: tuple[str, ...]
) -> None:
    text = refusal(started(config).receive(SASL + mechanisms(*offered), 0.0)).log_text
    assert text.startswith("amqp:unauthorized-access Authentication failed [mech=none]: offered: ")
    assert all(name in text for name in offered)


@pytest.mark.parametrize("code", [code for code in OutcomeCode if code is not OutcomeCode.OK])
def test_a_negative_outcome_is_refused_with_its_code(code: OutcomeCode) -> None:
    client = started(ClientConfig(("PLAIN",), "bob", "x"))
    client.receive(SASL + mechanisms("PLAIN"), 0.0)
    refused = refusal(client.receive(outcome(code), 0.0))
    assert refused.description == "Authentication failed [mech=PLAIN]"
    assert f"outcome is {code.value}" in refused.log_text


def scram() -> Client:
    """A client that waits for Cyrus to begin."""
    client = started()
    assert client.receive(SASL + mechanisms("SCRAM-SHA-256"), 0.0) == [RelayStart("SCRAM-SHA-256", None)]
    return client


def test_scram_with_the_proof_in_a_challenge() -> None:
    client = scram()
    assert client.relayed(RelayContinued(b"n,,1"), 0.0) == [init("SCRAM-SHA-256", b"n,,1")]
    assert client.receive(challenge(b"r=1"), 0.0) == [RelayStep(b"r=1")]
    assert client.relayed(RelayContinued(b"p=1"), 0.0) == [Send(frames.encode_frame(frames.Response(b"p=1")))]
    assert client.receive(challenge(b"v=1"), 0.0) == [RelayStep(b"v=1")]
    assert client.relayed(RelaySucceeded(), 0.0) == [Send(frames.encode_frame(frames.Response(b"")))]
    assert client.receive(outcome(), 0.0) == [Authenticated(Identity("SCRAM-SHA-256", None), b"")]


def test_scram_with_the_proof_in_the_outcome() -> None:
    client = scram()
    client.relayed(RelayContinued(b"n,,1"), 0.0)
    assert client.receive(outcome(data=b"v=1") + AMQP, 0.0) == [RelayStep(b"v=1")]
    assert client.relayed(RelaySucceeded(), 0.0) == [Authenticated(Identity("SCRAM-SHA-256", None), AMQP)]


@pytest.mark.parametrize("answer", [RelayFailed("bad signature"), RelayContinued(b"")])
def test_a_server_whose_proof_in_the_outcome_is_wrong_is_refused(answer: RelayAnswer) -> None:
    client = scram()
    client.relayed(RelayContinued(b"n,,1"), 0.0)
    client.receive(outcome(data=b"v=1"), 0.0)
    assert refusal(client.relayed(answer, 0.0)).description == "Authentication failed [mech=SCRAM-SHA-256]"


def test_a_server_that_accepts_before_it_proved_itself_is_refused() -> None:
    client = scram()
    client.relayed(RelayContinued(b"n,,1"), 0.0)
    assert "before it had proved itself" in refusal(client.receive(outcome(), 0.0)).log_text


@pytest.mark.parametrize("name", ["PLAIN", "ANONYMOUS"])
def test_a_challenge_in_a_mechanism_without_any_is_refused(name: str) -> None:
    client = started(ClientConfig((name,), "bob", "x"))
    client.receive(SASL + mechanisms(name), 0.0)
    assert f"a challenge in mechanism {name}" in refusal(client.receive(challenge(b""), 0.0)).log_text


@pytest.mark.parametrize("header", [AMQP, TLS])
def test_a_server_without_sasl_is_refused(header: bytes) -> None:
    assert refusal(started().receive(header, 0.0)).condition == "amqp:connection:framing-error"


def test_an_unknown_protocol_is_quoted() -> None:
    assert "'SSH-2.0-'" in refusal(started().receive(b"SSH-2.0-", 0.0)).description


@pytest.mark.parametrize(("user", "password"), [("b\0b", "x"), ("bob", "\0")])
def test_credentials_with_nul_are_refused_when_configured(user: str, password: str) -> None:
    with pytest.raises(ValueError, match="must not contain NUL"):
        ClientConfig(username=user, password=password)


def test_passwords_do_not_show() -> None:
    assert "secret" not in repr(BOB)


def test_the_handshake_has_a_deadline() -> None:
    client = Client(BOB, 5.0)
    client.start()
    assert client.next_deadline() == 65.0
    assert client.handle_timeout(64.0) == []
    assert "within 60 seconds" in refusal(client.handle_timeout(65.0)).description
    assert client.next_deadline() is None
    assert client.receive(SASL, 66.0) == []


def test_octets_kept_while_cyrus_works_are_bounded() -> None:
    client = scram()
    assert client.receive(b"x" * MAX_BUFFERED, 0.0) == []
    assert "octets sent before authentication" in refusal(client.receive(b"x", 0.0)).description


# --- every state with every input ---


def at(state: State) -> Client:
    """A client in that state."""
    if state is State.IDLE:
        return Client(BOB, 0.0)
    anonymous, client = SASL + mechanisms("ANONYMOUS"), started()
    octets = {
        State.HEADER: b"",
        State.MECHANISMS: SASL,
        State.OUTCOME: anonymous,
        State.RELAY: SASL + mechanisms("SCRAM-SHA-256"),
        State.DONE: anonymous + outcome(),
        State.REFUSED: b"SSH-2.0-",
    }
    client.receive(octets[state], 0.0)
    assert client.state is state
    return client


OCTETS = {
    "SASL header": SASL,
    "AMQP header": AMQP,
    "TLS header": TLS,
    "other octets": b"x" * 8,
    "mechanisms": mechanisms("ANONYMOUS"),
    "init": frames.encode_frame(frames.Init("ANONYMOUS")),
    "challenge": challenge(b"x"),
    "response": frames.encode_frame(frames.Response(b"x")),
    "outcome": outcome(),
    "AMQP frame": raw.amqp_frame("open", container_id="x"),
    "half a header": SASL[:4],
}

NEXT = {
    (State.HEADER, "SASL header"): State.MECHANISMS,
    (State.HEADER, "half a header"): State.HEADER,
    (State.MECHANISMS, "mechanisms"): State.OUTCOME,
    (State.OUTCOME, "outcome"): State.DONE,
    **{(State.RELAY, name): State.RELAY for name in OCTETS},
}
"""What is not here refuses the server."""


@pytest.mark.parametrize("name", OCTETS)
@pytest.mark.parametrize("state", [s for s in State if s not in (State.IDLE, State.DONE)])
def test_every_state_with_every_kind_of_octets(state: State, name: str) -> None:
    client = at(state)
    effects = client.receive(OCTETS[name], 0.0)
    expected = NEXT.get((state, name), State.REFUSED)
    assert client.state is expected
    refusals = [effect for effect in effects if isinstance(effect, Refused)]
    assert len(refusals) == (expected is State.REFUSED and state is not State.REFUSED)
    assert any(isinstance(effect, Authenticated) for effect in effects) is (expected is State.DONE)


@pytest.mark.parametrize("state", [State.IDLE, State.DONE])
def test_octets_before_the_start_and_after_the_end_are_a_defect_of_the_caller(state: State) -> None:
    with pytest.raises(LocalProtocolError, match=state.value):
        at(state).receive(b"x", 0.0)


@pytest.mark.parametrize("state", [state for state in State if state is not State.IDLE])
def test_a_second_start_is_a_defect_of_the_caller(state: State) -> None:
    with pytest.raises(LocalProtocolError, match="started twice"):
        at(state).start()


@pytest.mark.parametrize("answer", [RelayContinued(b""), RelaySucceeded(), RelayFailed()])
@pytest.mark.parametrize("state", State)
def test_every_state_with_every_answer_of_cyrus(state: State, answer: RelayAnswer) -> None:
    client = at(state)
    if state is State.RELAY:
        client.relayed(answer, 0.0)
        assert client.state is (State.REFUSED if isinstance(answer, RelayFailed) else State.OUTCOME)
    elif state is State.REFUSED:
        assert client.relayed(answer, 0.0) == []
    else:
        with pytest.raises(LocalProtocolError, match="nobody waits for"):
            client.relayed(answer, 0.0)


@pytest.mark.parametrize("state", State)
def test_every_state_with_the_deadline(state: State) -> None:
    client = at(state)
    effects = client.handle_timeout(1000.0)
    assert bool(effects) is (state not in (State.DONE, State.REFUSED))


# --- both machines against each other, the streams cut anywhere ---


def converse(client: Client, server: Server, cut: int) -> list[Effect]:
    """Carry octets in pieces of `cut` between the two; passwords and Cyrus say yes. The two last effects."""
    ends: list[Effect] = []
    wire: list[tuple[Client | Server, bytes]] = []

    def perform(me: Client | Server, effects: list[Effect]) -> None:
        other: Client | Server = server if me is client else client
        for effect in effects:
            match effect:
                case Send(data):
                    wire.append((other, data))
                case CheckPassword(_, password) if isinstance(me, Server):
                    perform(me, me.password_checked(password == "secret", 0.0))
                case RelayStart():
                    perform(me, me.relayed(RelayContinued(b"first"), 0.0))
                case RelayStep():
                    perform(me, me.relayed(RelaySucceeded("bob"), 0.0))
                case _:
                    ends.append(effect)
        if me is client and ends and isinstance(ends[-1], Authenticated) and len(ends) == 1:
            wire.append((server, AMQP))

    perform(client, client.start())
    while wire:
        target, data = wire.pop(0)
        for at_octet in range(0, len(data), cut):
            if target.state.name == "DONE":
                break
            perform(target, target.receive(data[at_octet : at_octet + cut], 0.0))
    return ends


@given(st.integers(1, 60), st.sampled_from(["ANONYMOUS", "PLAIN", "EXTERNAL", "SCRAM-SHA-256"]))
def test_client_and_server_agree_however_the_streams_are_cut(cut: int, mechanism: str) -> None:
    client = Client(ClientConfig((mechanism,), "bob", "secret", external=True, host_name="h"), 0.0)
    server = Server(ServerConfig((mechanism,), mechanism != "ANONYMOUS", external_user="CN=B"), 0.0)
    users = {"ANONYMOUS": "anonymous", "EXTERNAL": "CN=B", "PLAIN": "bob", "SCRAM-SHA-256": "bob"}
    assert converse(client, server, cut) == [
        Authenticated(Identity(mechanism, None), b""),
        Authenticated(Identity(mechanism, users[mechanism]), AMQP),
    ]


@given(st.integers(1, 60))
def test_client_and_server_agree_about_a_wrong_password(cut: int) -> None:
    ends = converse(
        Client(ClientConfig(("PLAIN",), "bob", "wrong"), 0.0),
        Server(ServerConfig(("PLAIN",), True), 0.0),
        cut,
    )
    assert [type(end) for end in ends] == [Refused, Refused]
