"""TLS and SASL at the door: who gets in as whom, who stays out and why (router-config §7)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from proton import Message, SSLDomain
from skrouter_testing.amqp_client import Client, ClientError
from skrouter_testing.certs import Authority, Pair
from skrouter_testing.live_management import query
from skrouter_testing.process import HOST, RouterProcess, Routers, free_port, section, wait_until

PASSWORD = "open sesame"
PLAIN = {"allowed_mechs": "PLAIN", "allow_insecure_mechs": True}


@dataclass(frozen=True, slots=True)
class Parties:
    """Our authority with a server and a client, and two that we do not know."""

    ours: Authority
    server: Pair
    client: Pair
    strange: Pair
    system: Authority
    system_client: Pair


@pytest.fixture(scope="module")
def parties(tmp_path_factory: pytest.TempPathFactory) -> Parties:
    ours, strange, system = (
        Authority(tmp_path_factory.mktemp(name), f"{name}-ca") for name in ("a", "b", "c")
    )
    return Parties(
        ours,
        ours.issue("server", dns=("localhost",), addresses=(HOST,)),
        ours.issue("client"),
        strange.issue("client"),
        system,
        system.issue("client"),
    )


def profile(parties: Parties, pair: Pair, **attributes: object) -> str:
    return section(
        "sslProfile",
        name="tls",
        caCertFile=parties.ours.ca_file,
        certFile=pair.certificate,
        privateKeyFile=pair.key,
        **attributes,
    )


@dataclass(frozen=True, slots=True)
class Door:
    """A router whose listener `port` wants certificates; `plain` is for the test's own questions."""

    router: RouterProcess
    port: int
    plain: int


@pytest.fixture
def door(routers: Routers, parties: Parties) -> Door:
    port, plain = free_port(), free_port()
    text = section("router", mode="standalone", id="S") + profile(parties, parties.server, uidFormat="on")
    text += section(
        "listener",
        name="door",
        host=HOST,
        port=port,
        sslProfile="tls",
        requireSsl=True,
        authenticatePeer=True,
        saslMechanisms="EXTERNAL",
    ) + section("listener", name="plain", host=HOST, port=plain)
    store = {"SSL_CERT_FILE": parties.system.ca_file}
    return Door(routers.start("S", text, store), port, plain)


def domain(parties: Parties, pair: Pair | None) -> SSLDomain:
    """TLS of a client that trusts our authority and shows this certificate, or none."""
    made = SSLDomain(SSLDomain.MODE_CLIENT)
    made.set_trusted_ca_db(parties.ours.ca_file)
    made.set_peer_authentication(SSLDomain.VERIFY_PEER_NAME, parties.ours.ca_file)
    if pair is not None:
        made.set_credentials(pair.certificate, pair.key, None)
    return made


def amqps(port: int, parties: Parties, pair: Pair | None, **options: object) -> Client:
    return Client(port, url=f"amqps://localhost:{port}", ssl_domain=domain(parties, pair), **options)


def refused(client: Client) -> None:
    """It must not get in."""
    with pytest.raises(ClientError), client:
        pass
    assert not client.opened


def test_b11_client_with_our_certificate_gets_in_as_its_subject(door, parties):
    with amqps(door.port, parties, parties.client, allowed_mechs="EXTERNAL") as client:
        receiver = client.receiver("q")
        sender = client.sender("q")
        sender.wait_credit()
        assert sender.send(Message(body="secret")).outcome().state == "accepted"
        assert receiver.take()[0].body == "secret"
        (row,) = [row for row in query(door.plain, "connection") if row["isEncrypted"]]
    assert row["user"] == "skrouter tests;client"
    assert row["sasl"] == "EXTERNAL"
    assert row["isAuthenticated"] is True
    assert row["sslProto"] in ("TLSv1.2", "TLSv1.3")


def test_b11_the_mapping_file_gives_the_display_name(routers, parties, tmp_path):
    names = tmp_path / "names.json"
    names.write_text('{"client;skrouter tests": "Mr. Client"}')
    port, plain = free_port(), free_port()
    text = section("router", mode="standalone", id="S")
    text += profile(parties, parties.server, uidFormat="no", uidNameMappingFile=names)
    secure = {"sslProfile": "tls", "requireSsl": True, "saslMechanisms": "EXTERNAL"}
    text += section("listener", host=HOST, port=port, authenticatePeer=True, **secure)
    routers.start("S", text + section("listener", host=HOST, port=plain))
    with amqps(port, parties, parties.client, allowed_mechs="EXTERNAL"):
        (row,) = [row for row in query(plain, "connection") if row["isEncrypted"]]
    assert row["user"] == "Mr. Client"


@pytest.mark.parametrize(
    ("who", "reason"),
    [
        ("strange", "certificate verify failed"),
        ("system_client", "certificate verify failed"),
        ("none", "peer did not return a certificate"),
    ],
)
def test_b10_client_that_our_authority_does_not_vouch_for_stays_out(door, parties, who, reason):
    """`system_client` is signed by a CA that only the system's store (SSL_CERT_FILE) holds."""
    pair = None if who == "none" else getattr(parties, who)
    mark = door.router.mark()

    refused(amqps(door.port, parties, pair, allowed_mechs="EXTERNAL"))

    assert "failed" in door.router.wait_line("SERVER (error)", reason, after=mark)
    with amqps(door.port, parties, parties.client, allowed_mechs="EXTERNAL"):
        assert door.router.running


def test_client_without_tls_stays_out_where_tls_is_required(door):
    mark = door.router.mark()
    refused(Client(door.port))
    line = door.router.wait_line("SERVER (error)", "Connection from", after=mark)
    assert "failed" in line


def test_client_refuses_a_router_of_an_unknown_authority(door, parties):
    made = SSLDomain(SSLDomain.MODE_CLIENT)
    made.set_trusted_ca_db(parties.system.ca_file)
    made.set_peer_authentication(SSLDomain.VERIFY_PEER_NAME, parties.system.ca_file)
    mark = door.router.mark()
    refused(Client(door.port, url=f"amqps://localhost:{door.port}", ssl_domain=made))
    door.router.wait_line("SERVER (error)", "unknown ca", after=mark)


def mesh(routers: Routers, parties: Parties, shown: Pair, environment=None, **connector: object):
    """A that wants certificates, B that shows one; client ports of both."""
    ports, link = {name: free_port() for name in "AB"}, free_port()
    text = {
        name: section("router", mode="interior", id=name)
        + section("listener", name="clients", host=HOST, port=ports[name])
        for name in "AB"
    }
    text["A"] += profile(parties, parties.server) + section(
        "listener",
        name="mesh",
        host=HOST,
        port=link,
        role="inter-router",
        sslProfile="tls",
        requireSsl=True,
        authenticatePeer=True,
        saslMechanisms="EXTERNAL",
    )
    text["B"] += profile(parties, shown) + section(
        "connector",
        name="mesh",
        host=connector.pop("host", HOST),
        port=link,
        role="inter-router",
        sslProfile="tls",
        saslMechanisms="EXTERNAL",
        **connector,
    )
    for name in "AB":
        routers.start(name, text[name], environment)
    return ports


def test_two_routers_join_by_mutual_tls_and_carry_messages(routers, parties):
    ports = mesh(routers, parties, parties.client)
    with Client(ports["A"]) as here, Client(ports["B"]) as there:
        receiver = there.receiver("q")
        sender = here.sender("q")
        sender.wait_credit()
        assert sender.send(Message(body=bytes(500_000))).outcome().state == "accepted"
        assert len(receiver.take()[0].body) == 500_000
        rows = [row for row in query(ports["A"], "connection") if row["role"] == "inter-router"]
    assert rows
    assert all(row["isEncrypted"] and row["sasl"] == "EXTERNAL" for row in rows)


@pytest.mark.parametrize("who", ["strange", "system_client"])
def test_router_of_another_authority_does_not_join(routers, parties, who):
    ports = mesh(routers, parties, getattr(parties, who), {"SSL_CERT_FILE": parties.system.ca_file})
    routers["A"].wait_line("SERVER (error)", "certificate verify failed")
    routers["B"].wait_line("SERVER (error)", "failed:", "unknown ca")
    assert not routers["A"].found("Computed next hops", "'B'")
    assert not [row for row in query(ports["A"], "router.node") if row["id"] == "B"]


def test_b10_router_does_not_join_one_whose_certificate_names_another_host(routers, parties):
    other = parties.ours.issue("elsewhere", dns=("elsewhere.example",))
    wrong = Parties(
        parties.ours, other, parties.client, parties.strange, parties.system, parties.system_client
    )
    mesh(routers, wrong, parties.client)
    routers["B"].wait_line("SERVER (error)", "failed:", "verify failed")
    assert not routers["A"].found("Computed next hops", "'B'")


@pytest.fixture(scope="module")
def sasl_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A sasldb with one user, and the configuration that names it."""
    directory = tmp_path_factory.mktemp("sasl")
    database = directory / "users.sasldb"
    (directory / "guard.conf").write_text(
        f"pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {database}\n"
        "mech_list: PLAIN ANONYMOUS SCRAM-SHA-1 SCRAM-SHA-256\n"
    )
    environment = {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"}
    subprocess.run(
        ["saslpasswd2", "-c", "-p", "-f", str(database), "-u", "domain.example", "alice"],
        input=PASSWORD.encode(),
        env=environment,
        check=True,
    )
    yield directory


@pytest.fixture
def guarded(routers: Routers, sasl_directory: Path) -> Door:
    port, plain = free_port(), free_port()
    text = section(
        "router", mode="standalone", id="S", saslConfigDir=str(sasl_directory), saslConfigName="guard"
    )
    text += section(
        "listener", name="door", host=HOST, port=port, authenticatePeer=True, saslMechanisms="PLAIN"
    ) + section("listener", name="plain", host=HOST, port=plain)
    return Door(routers.start("S", text + section("log", module="PROTOCOL", enable="debug+")), port, plain)


def test_user_with_the_right_password_gets_in_under_its_name(guarded):
    with Client(guarded.port, user="alice@domain.example", password=PASSWORD, **PLAIN):
        wait_until(
            lambda: [row for row in query(guarded.plain, "connection") if row["sasl"] == "PLAIN"], "its row"
        )
        (row,) = [row for row in query(guarded.plain, "connection") if row["sasl"] == "PLAIN"]
    assert row["user"] == "alice@domain.example"
    guarded.router.wait_line("FRAME: 0 <- @sasl-init(65) [mechanism=:PLAIN, initial-response=(hidden)")
    assert PASSWORD not in guarded.router.log


@pytest.mark.parametrize(
    ("user", "password"),
    [("alice@domain.example", "wrong"), ("bob@domain.example", PASSWORD), ("alice", PASSWORD)],
)
def test_wrong_user_or_password_stays_out_with_a_logged_reason(guarded, user, password):
    mark = guarded.router.mark()
    refused(Client(guarded.port, user=user, password=password, **PLAIN))
    line = guarded.router.wait_line("SERVER (error)", "Authentication failed [mech=PLAIN]", after=mark)
    assert "amqp:unauthorized-access" in line
    assert PASSWORD not in guarded.router.log


def test_anonymous_client_stays_out_where_users_are_asked_for(guarded):
    refused(Client(guarded.port, allowed_mechs="ANONYMOUS"))
    assert guarded.router.running


def test_client_that_skips_sasl_stays_out_where_users_are_asked_for(guarded):
    mark = guarded.router.mark()
    refused(Client(guarded.port, sasl_enabled=False))
    guarded.router.wait_line("SERVER (error)", "failed", after=mark)
