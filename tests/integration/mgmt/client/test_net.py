"""The client's connection against proton's own library, with our agent behind it."""

import io
import socket
from collections.abc import Iterator

import pytest
from skrouter.cli import skmanage, skstat
from skrouter.mgmt.agent.facts import AddressFacts, ConnectionFacts, MetricsFacts, NodeFacts
from skrouter.mgmt.client import Node
from skrouter.mgmt.client.errors import NotFoundStatus
from skrouter.mgmt.client.net import ConnectionException, LinkDetached, RouterConnection, Timeout, connect
from skrouter.mgmt.client.settings import ConnectionSettings, Endpoint, TlsSettings
from skrouter_testing.certs import Authority
from skrouter_testing.fake_router import FakeRouter
from skrouter_testing.proton_node import GONE, REFUSED, Peer, Tls, proton_node

ROUTER = FakeRouter(
    {
        "router.node": [NodeFacts("A", 0, 1)],
        "router.address": [AddressFacts(f"Maddress-{index}", "balanced") for index in range(1203)],
        "connection": [ConnectionFacts(1, "h", container="c")],
        "routerMetrics": [MetricsFacts("A", "1")],
    }
)


@pytest.fixture
def peer() -> Iterator[Peer]:
    with proton_node({"$management": ROUTER, "_topo/0/B/$management": ROUTER}) as found:
        yield found


def settings(peer: Peer, timeout: float = 10.0, **options: object) -> ConnectionSettings:
    return ConnectionSettings(Endpoint("amqp", "127.0.0.1", peer.port), timeout, **options)  # type: ignore[arg-type]


@pytest.fixture
def connection(peer: Peer) -> Iterator[RouterConnection]:
    found = connect(settings(peer))
    yield found
    found.close()


def test_all_rows_arrive_in_pages_of_many_frames(connection: RouterConnection) -> None:
    rows = Node(connection).query("io.skupper.router.router.address").rows
    assert [row[0] for row in rows] == [f"Maddress-{index}" for index in range(1203)]


def test_several_requests_use_one_link_to_each_address(connection: RouterConnection, peer: Peer) -> None:
    node = Node(connection)
    assert node.management_nodes() == node.management_nodes() == ["amqp:/_topo/0/A/$management"]
    assert node.at("_topo/0/B/$management").management_nodes() == ["amqp:/_topo/0/A/$management"]
    assert peer.addresses == ["$management", "_topo/0/B/$management"]


def test_refusal_by_the_agent_reaches_the_caller(connection: RouterConnection) -> None:
    with pytest.raises(NotFoundStatus, match=r"^No entity with name=x$"):
        Node(connection).read(None, "x", None)


def test_without_anything_to_prove_there_is_no_sasl(connection: RouterConnection, peer: Peer) -> None:
    Node(connection).management_nodes()
    assert [mechanism for mechanism, _ in peer.users] == [None]


def test_mechanism_asked_for_is_used(peer: Peer) -> None:
    connection = connect(settings(peer, mechanisms=("ANONYMOUS",)))
    assert Node(connection).management_nodes() == ["amqp:/_topo/0/A/$management"]
    connection.close()
    assert [mechanism for mechanism, _ in peer.users] == ["ANONYMOUS"]


def test_mechanism_that_the_peer_does_not_offer_is_an_error(peer: Peer) -> None:
    with pytest.raises(ConnectionException, match="Authentication failed"):
        connect(settings(peer, mechanisms=("EXTERNAL",)))


def test_address_without_an_agent_times_out_with_its_name(peer: Peer) -> None:
    connection = connect(settings(peer, timeout=0.3))
    with pytest.raises(
        Timeout, match=rf"^Connection amqp://127\.0\.0\.1:{peer.port} timed out: Sending on sender "
    ):
        Node(connection, "_topo/0/nosuch/$management").management_nodes()
    connection.close()


def test_link_closed_by_the_router_is_an_error_with_its_reason(connection: RouterConnection) -> None:
    with pytest.raises(LinkDetached, match=r"Condition\('amqp:not-found', 'Node not found'\)"):
        Node(connection, REFUSED).management_nodes()


def test_connection_closed_by_the_router_is_an_error_with_its_reason(connection: RouterConnection) -> None:
    with pytest.raises(ConnectionException, match=r"Condition\('amqp:connection:forced', 'enough'\)"):
        Node(connection, GONE).management_nodes()


def test_close_is_orderly(peer: Peer) -> None:
    connect(settings(peer)).close()
    assert peer.closed == 1


def test_nobody_listening_has_the_text_of_the_reference() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(ConnectionException) as caught:
        connect(ConnectionSettings(Endpoint("amqp", "127.0.0.1", port)))
    assert str(caught.value) == (
        f"Connection amqp://127.0.0.1:{port} disconnected: "
        "Condition('proton.pythonio', 'Connection refused to all addresses')"
    )


def test_peer_that_says_nothing_times_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = Endpoint("amqp", "127.0.0.1", silent.getsockname()[1])
        with pytest.raises(Timeout, match="Opening connection"):
            connect(ConnectionSettings(endpoint, timeout=0.2))


# --- TLS ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def secure_peer(authority: Authority) -> Iterator[Peer]:
    pair = authority.issue("server", dns=("localhost",), addresses=("127.0.0.1",))
    with proton_node({"$management": ROUTER}, Tls(pair.certificate, pair.key, authority.ca_file)) as found:
        yield found


def test_client_certificate_is_proved_by_tls(authority: Authority, secure_peer: Peer) -> None:
    pair = authority.issue("client")
    tls = TlsSettings(pair.certificate, pair.key, authority.ca_file)
    endpoint = Endpoint("amqps", "127.0.0.1", secure_peer.port)
    connection = connect(ConnectionSettings(endpoint, 10.0, tls))
    assert Node(connection).management_nodes() == ["amqp:/_topo/0/A/$management"]
    connection.close()


def test_router_of_another_authority_is_not_trusted(
    secure_peer: Peer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stranger = Authority(tmp_path_factory.mktemp("other"), "other-ca")
    endpoint = Endpoint("amqps", "127.0.0.1", secure_peer.port)
    with pytest.raises(ConnectionException, match=r"SSL Failure: .*certificate verify failed"):
        connect(ConnectionSettings(endpoint, 10.0, TlsSettings(trust_file=stranger.ca_file)))


# --- programs -------------------------------------------------------------------------------------------


def test_skstat_prints_what_a_router_says(peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    assert skstat.main(["-b", f"127.0.0.1:{peer.port}", "-c"]) == 0
    lines = capsys.readouterr().out.split("\n")
    assert lines[1:4] == ["A", "", "Connections"]
    assert lines[6].split()[:3] == ["1", "h", "c"]


def test_skmanage_prints_what_a_router_says(
    peer: Peer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert skmanage.main(["-b", f"127.0.0.1:{peer.port}", "read", "--name", "x"]) == 1
    assert capsys.readouterr().out == "NotFoundStatus: No entity with name=x\n"
