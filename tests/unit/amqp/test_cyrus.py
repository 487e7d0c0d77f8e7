"""Cyrus, for real: a user database is made through libsasl2 itself, then both sides talk to each other."""

import pytest
from skrouter.amqp import cyrus as module
from skrouter.amqp.cyrus import ClientRelay, Cyrus, CyrusError, ServerRelay
from skrouter.amqp.sasl.client import Client, ClientConfig
from skrouter.amqp.sasl.effects import (
    Authenticated,
    Effect,
    Identity,
    Refused,
    RelayStart,
    RelayStep,
    Send,
)
from skrouter.amqp.sasl.frames import AMQP_HEADER
from skrouter.amqp.sasl.mechanisms.relay import RelayAnswer, RelayContinued, RelayFailed, RelaySucceeded
from skrouter.amqp.sasl.server import Server, ServerConfig
from skrouter_testing.sasl import HOST, PASSWORD, USER, SaslUsers

SCRAM = ("SCRAM-SHA-1", "SCRAM-SHA-256")


@pytest.fixture
def library(sasl_users: SaslUsers) -> Cyrus:
    """Cyrus with a database of one user."""
    return sasl_users.cyrus


def test_the_right_password_is_accepted(library: Cyrus) -> None:
    assert library.check_password(USER, PASSWORD, realm=HOST, host_name=HOST)


def test_a_user_may_carry_the_realm_in_the_name(library: Cyrus) -> None:
    assert library.check_password(f"{USER}@{HOST}", PASSWORD)


@pytest.mark.parametrize(
    ("user", "password"), [(USER, "wrong"), (USER, PASSWORD + "x"), ("nobody", PASSWORD), (USER, "")]
)
def test_wrong_passwords_and_unknown_users_are_not_accepted(library: Cyrus, user: str, password: str) -> None:
    assert not library.check_password(user, password, realm=HOST, host_name=HOST)


def test_the_configured_mechanisms_are_listed_without_channel_binding_ones(library: Cyrus) -> None:
    names = library.server_mechanisms(HOST)
    assert {"PLAIN", *SCRAM} <= set(names)
    assert not [name for name in names if name.endswith("-PLUS")]
    assert "CRAM-MD5" not in names


def exchange(client: ClientRelay, server: ServerRelay) -> tuple[RelayAnswer, RelayAnswer]:
    """Carry octets between the two until neither wants more; the last answers of client and server."""
    ours: RelayAnswer = client.start()
    assert isinstance(ours, RelayContinued)
    theirs = server.start(ours.data)
    while isinstance(theirs, RelayContinued):
        assert theirs.data is not None
        ours = client.step(theirs.data)
        if isinstance(ours, RelayFailed):
            break
        theirs = server.step(ours.data or b"")
    return ours, theirs


@pytest.mark.parametrize(("realm", "name"), [(None, USER), (HOST, f"{USER}@{HOST}")])
@pytest.mark.parametrize("mechanism", SCRAM)
def test_scram_authenticates_both_sides(library: Cyrus, mechanism: str, realm: str | None, name: str) -> None:
    client = library.client_relay(mechanism, server=HOST, user=USER, password=PASSWORD)
    server = library.server_relay(mechanism, host_name=HOST, realm=realm)
    ours, theirs = exchange(client, server)
    assert isinstance(ours, RelaySucceeded)
    assert isinstance(theirs, RelaySucceeded)
    assert theirs.user == name
    client.close()
    server.close()


def relay(
    machine: Client | Server, exchange: ClientRelay | ServerRelay, effects: list[Effect]
) -> list[Effect]:
    """Let Cyrus answer until the machine wants something else."""
    done: list[Effect] = []
    while effects:
        match effects.pop(0):
            case RelayStart(_, response):
                answer = exchange.start(response) if isinstance(exchange, ServerRelay) else exchange.start()
                effects += machine.relayed(answer, 0.0)
            case RelayStep(response):
                effects += machine.relayed(exchange.step(response), 0.0)
            case effect:
                done.append(effect)
    return done


@pytest.mark.parametrize("mechanism", SCRAM)
@pytest.mark.parametrize(("password", "end"), [(PASSWORD, Authenticated), ("wrong", Refused)])
def test_our_two_sides_with_cyrus_behind_them(
    library: Cyrus, mechanism: str, password: str, end: type[Effect]
) -> None:
    client = Client(ClientConfig((mechanism,), USER, password), 0.0)
    server = Server(ServerConfig((mechanism,), authenticate_peer=True), 0.0)
    behind_client = library.client_relay(mechanism, server=HOST, user=USER, password=password)
    behind_server = library.server_relay(mechanism, host_name=HOST)
    for_server, ends = client.start(), list[Effect]()
    while for_server:
        sent = b"".join(effect.data for effect in for_server if isinstance(effect, Send))
        for_client = relay(server, behind_server, server.receive(sent, 0.0))
        ends += [effect for effect in for_client if not isinstance(effect, Send)]
        answer = b"".join(effect.data for effect in for_client if isinstance(effect, Send))
        for_server = relay(client, behind_client, client.receive(answer, 0.0)) if answer else []
        if Authenticated(Identity(mechanism, None), b"") in for_server:
            for_server = [Send(AMQP_HEADER)]
        elif any(isinstance(effect, Refused) for effect in for_server):
            break
    assert [type(effect) for effect in ends] == [end]
    if end is Authenticated:
        assert ends == [Authenticated(Identity(mechanism, USER), AMQP_HEADER)]


@pytest.mark.parametrize(("user", "password"), [(USER, "wrong"), ("nobody", PASSWORD)])
def test_scram_with_wrong_credentials_fails_with_a_reason(library: Cyrus, user: str, password: str) -> None:
    client = library.client_relay("SCRAM-SHA-256", server=HOST, user=user, password=password)
    server = library.server_relay("SCRAM-SHA-256", host_name=HOST, realm=HOST)
    _, theirs = exchange(client, server)
    assert isinstance(theirs, RelayFailed)
    assert theirs.detail


@pytest.mark.parametrize("octets", [b"", b"n,,", b"\xff" * 2000, b"n,,n=bob,r=", b"\0"])
def test_garbage_is_refused_not_raised(library: Cyrus, octets: bytes) -> None:
    server = library.server_relay("SCRAM-SHA-256", host_name=HOST, realm=HOST)
    answer = server.start(octets)
    assert isinstance(answer, RelayFailed | RelayContinued)
    if isinstance(answer, RelayContinued):
        assert isinstance(server.step(octets), RelayFailed | RelayContinued)
    server.close()


def test_a_server_that_cannot_prove_itself_is_refused_by_the_client(library: Cyrus) -> None:
    client = library.client_relay("SCRAM-SHA-256", server=HOST, user=USER, password=PASSWORD)
    assert isinstance(client.start(), RelayContinued)
    assert isinstance(client.step(b"v=bm90IHRoZSBzaWduYXR1cmU="), RelayFailed)


def test_an_unknown_mechanism_is_refused_with_a_reason(library: Cyrus) -> None:
    answer = library.server_relay("NO-SUCH", host_name=HOST).start(b"")
    assert isinstance(answer, RelayFailed)
    assert answer.detail


def test_a_closed_exchange_cannot_go_on(library: Cyrus) -> None:
    server = library.server_relay("SCRAM-SHA-1", host_name=HOST)
    server.close()
    server.close()
    with pytest.raises(CyrusError, match="closed already"):
        server.step(b"")


def test_a_second_configuration_in_one_process_is_an_error(library: Cyrus) -> None:
    with pytest.raises(CyrusError, match="cannot change"):
        Cyrus("another", None)


def test_the_same_configuration_again_is_no_error(library: Cyrus) -> None:
    assert module._initialized is not None
    again = Cyrus(*module._initialized)
    assert again.check_password(USER, PASSWORD, realm=HOST)


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LIBRARY", "libsasl2-not-here.so")
    with pytest.raises(CyrusError, match=r"libsasl2-not-here.so cannot be loaded, install Cyrus SASL"):
        Cyrus()
