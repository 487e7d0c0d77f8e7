"""Three sites in networks of their own: hub and east on a public wire, west behind NAT; services across."""

from __future__ import annotations

import http.client
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from skrouter.config.resources.core import Secret
from skrouter.config.resources.documents import dump, load
from skrouter.config.resources.link import Link
from skrouter.mgmt.controller.authority import CertificateAuthority
from skrouter.mgmt.platforms.linux import files
from skrouter.mgmt.sites.platform import Pems
from skrouter_testing import internet
from skrouter_testing import machine as machines
from skrouter_testing.grant_server import as_answer
from skrouter_testing.internet import PUBLIC, Internet
from skrouter_testing.machine import Machine, wait_open
from skrouter_testing.process import wait_until

PAGE = b"a page of west\n"
HTTP_SERVER, HTTP_PORT = 8080, 8088
SQL_SERVER, SQL_PORT = 5432, 15432
POSTGRES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
LINK_TIME = 90
YEARS = 365 * 86400.0

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        not (machines.possible() and internet.possible()), reason="needs root, namespaces and iptables"
    ),
]


@dataclass(frozen=True, slots=True)
class World:
    """The three machines."""

    west: Machine
    hub: Machine
    east: Machine
    hub_address: str

    def generated(self) -> str:
        """A link to the hub."""
        return self.hub.skupper(f"link generate --host {self.hub_address}")

    def hand_over(self, name: str, machine: Machine) -> None:
        """A file of the hub, for a machine."""
        shutil.copyfile(self.hub.home / name, machine.home / name)

    def link_is(self, machine: Machine, name: str, status: str) -> bool:
        return [row[1] for row in machine.rows("link status")[1:] if row[0] == name] == [status]

    def wait_link(self, machine: Machine, name: str, status: str) -> None:
        wait_until(lambda: self.link_is(machine, name, status), f"{name} to be {status}", LINK_TIME)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Sites with a service each at west and at east; west is linked by a token, east by a generated link."""
    home = tmp_path_factory.mktemp("world")
    with Internet(("hub", "east"), "west") as net:
        hub, east, west = (Machine(home / name, network=net.names[name]) for name in ("hub", "east", "west"))
        with hub, east, west:
            found = World(west, hub, east, net.address("hub"))
            _start(found)
            yield found


def _start(world: World) -> None:
    west, hub, east = world.west, world.hub, world.east
    hub.skupper("site create hub --enable-link-access")
    hub.skupper("system start")
    west.skupper("site create west")
    west.skupper(f"connector create web {HTTP_SERVER} --host 127.0.0.1")
    west.skupper(f"listener create sql {SQL_PORT} --host 127.0.0.1")
    hub.skupper(f"token issue token.yaml --name hub-token --host {world.hub_address}")
    world.hand_over("token.yaml", west)
    west.skupper("token redeem token.yaml")
    east.skupper("site create east")
    east.skupper(f"connector create sql {SQL_SERVER} --host 127.0.0.1")
    east.skupper(f"listener create web {HTTP_PORT} --host 127.0.0.1")
    east.skupper("system apply -f -", stdin=world.generated())
    for one in (west, east):
        one.skupper("system start")
    world.wait_link(west, "hub-token", "Ready")
    world.wait_link(east, "link-hub", "Ready")


class Pages(BaseHTTPRequestHandler):
    """One page, whatever is asked for."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_: object) -> None:
        """Tests print nothing."""


def fetch(machine: Machine, port: int) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.sock = machine.connect(port)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read()
    finally:
        connection.close()


@pytest.fixture
def web(world: World) -> Iterator[None]:
    """The web server of west."""
    server = ThreadingHTTPServer(("127.0.0.1", HTTP_SERVER), Pages, bind_and_activate=False)
    server.socket.close()
    server.socket = world.west.serve(HTTP_SERVER)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield
    server.shutdown()
    server.server_close()


def test_machine_behind_nat_is_reached_by_nobody(world: World) -> None:
    with pytest.raises(OSError):
        world.east.connect(HTTP_SERVER, internet.PRIVATE)
    assert not world.west.is_open(45671, world.hub_address.replace(PUBLIC, f"{PUBLIC}9"))


@pytest.mark.usefixtures("web")
def test_web_server_behind_nat_serves_the_public_site(world: World) -> None:
    wait_open(world.east, HTTP_PORT, "the listener of the page")
    assert [fetch(world.east, HTTP_PORT) for _ in range(20)] == [PAGE] * 20
    assert world.east.rows("listener status")[1][-2:] == ["true", "OK"]


@pytest.mark.skipif(not POSTGRES, reason="needs postgresql; make site-network installs it")
def test_database_of_the_public_site_serves_the_one_behind_nat(world: World) -> None:
    tools, data = POSTGRES[-1], world.east.home / "database"
    made = world.east.run(str(tools / "initdb"), "-D", str(data), "-A", "trust", "-U", "skupper")
    assert made.status == 0, made
    command = [str(tools / "postgres"), "-D", str(data), "-k", str(data), "-h", "127.0.0.1"]
    process = world.east.start(*command, "-p", str(SQL_SERVER), log=world.east.home / "postgres.log")
    try:
        # Its port is open before the database takes connections.
        ready = [str(tools / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(SQL_SERVER)]
        wait_until(lambda: world.east.run(*ready).status == 0, "PostgreSQL to take connections", 40)
        wait_open(world.west, SQL_PORT, "the listener of the database")
        url = f"postgresql://skupper@127.0.0.1:{SQL_PORT}/postgres"
        query = "SELECT count(*), sum(n) FROM generate_series(1, 100000) AS n"
        found = world.west.run(str(tools / "psql"), "-X", "-t", "-A", "-c", query, url)
        assert (found.status, found.out) == (0, "100000|5000050000\n"), found
        rows = world.west.run(
            str(tools / "psql"),
            "-X",
            "-t",
            "-A",
            "-c",
            "SELECT repeat('x', 1000) FROM generate_series(1, 5000)",
            url,
        )
        assert rows.out == ("x" * 1000 + "\n") * 5000
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.usefixtures("web")
def test_links_end_with_link_access_and_come_back_with_it(world: World) -> None:
    world.hub.skupper("site update --enable-link-access=false")
    world.hub.skupper("system reload")
    world.wait_link(world.west, "hub-token", "Pending")
    world.wait_link(world.east, "link-hub", "Pending")
    assert world.east.rows("link status")[1][-1] == "Not Operational"
    assert "link access" in world.hub.skupper("link generate", status=1)
    world.hub.skupper("site update --enable-link-access")
    world.hub.skupper("system reload")
    world.wait_link(world.west, "hub-token", "Ready")
    world.wait_link(world.east, "link-hub", "Ready")
    wait_open(world.east, HTTP_PORT, "the listener of the page")
    assert fetch(world.east, HTTP_PORT) == PAGE


GRANT = """apiVersion: skupper.io/v2alpha1
kind: AccessGrant
metadata: {name: brief}
spec:
  redemptionsAllowed: 9
  expirationWindow: 10s
  settings: {host: %s}
"""


def redeemed(world: World, name: str) -> str:
    """What is said to east that redeems this token of the hub."""
    return world.east.run("skupper", "token", "redeem", f"{name}.yaml").out


def test_token_is_good_for_one_use(world: World) -> None:
    world.hub.skupper(f"token issue once.yaml --name once --host {world.hub_address}")
    world.hand_over("once.yaml", world.east)
    assert "has been redeemed" in redeemed(world, "once")
    assert "404: No such access granted" in redeemed(world, "once")
    world.east.skupper("link delete once")


def test_token_of_a_grant_is_good_until_its_end(world: World) -> None:
    world.hub.skupper("system apply -f -", stdin=GRANT % world.hub_address)
    world.hub.skupper("token issue brief.yaml --name brief --grant brief")
    world.hand_over("brief.yaml", world.east)
    assert "has been redeemed" in redeemed(world, "brief")
    wait_until(lambda: "404: No such claim" in redeemed(world, "brief"), "the end of the grant", LINK_TIME)
    world.east.skupper("link delete brief")


def changed(generated: str, name: str, change: Pems) -> str:
    """A generated link under another name, with other credentials."""
    documents = load(as_answer(generated, name)).good()
    data = {"ca.crt": change.ca, "tls.crt": change.certificate, "tls.key": change.key}
    return dump(
        [replace(one, data=data) if isinstance(one, Secret) else one for one in documents], status=False
    )


def credentials(generated: str) -> Pems:
    (found,) = [one for one in load(generated).good() if isinstance(one, Secret)]
    return files.pems_of(found.data)


def stays_down(world: World, name: str, document: str, reason: str) -> str:
    """Apply a link that must not come up; what `system reload` said. The others are not disturbed."""
    world.east.skupper("system apply -f -", stdin=document)
    said = world.east.run("skupper", "system", "reload").err

    def is_told() -> bool:
        causes = world.east.run("skupper", "debug", "explain", "link", name).out
        return reason in causes

    try:
        wait_until(is_told, f"{name} to be refused: {reason}", LINK_TIME)
        assert world.link_is(world.east, name, "Pending")
        assert world.link_is(world.east, "link-hub", "Ready")
    finally:
        world.east.skupper(f"link delete {name}")
        world.east.skupper("system delete -f -", stdin=document)
        world.east.skupper("system reload")
    return said


def test_link_with_another_authority_does_not_come_up(world: World) -> None:
    generated = world.generated()
    authority = CertificateAuthority()
    other = authority.make_issuer("another CA", time.time())
    own = authority.issue(other, "client", [], time.time())
    stays_down(world, "wrong-ca", changed(generated, "wrong-ca", own), "certificate verify failed")


def test_expired_certificate_is_refused_and_warned_about(world: World) -> None:
    generated = world.generated()
    issuer = files.read_pems(world.hub.namespace() / "runtime/issuers/skupper-site-ca")
    assert issuer is not None
    past = time.time() - 6 * YEARS
    expired = CertificateAuthority().issue(issuer, "client", [], past)
    said = stays_down(world, "old", changed(generated, "old", expired), "expired")
    assert "certificate old-profile has expired; provide a new one" in said


def test_links_of_a_replaced_authority_are_revoked(world: World) -> None:
    """The last one: west stays without its link."""
    new = CertificateAuthority().make_issuer("hub CA of tomorrow", time.time())
    files.write_pems(world.hub.namespace() / "input/issuers/skupper-site-ca", new)
    world.hub.skupper("system reload")
    world.wait_link(world.west, "hub-token", "Pending")
    world.wait_link(world.east, "link-hub", "Pending")
    fresh = world.generated()
    assert credentials(fresh).ca == new.certificate
    world.east.skupper("system apply -f -", stdin=fresh)
    world.east.skupper("system reload")
    world.wait_link(world.east, "link-hub", "Ready")
    assert world.link_is(world.west, "hub-token", "Pending")
    assert isinstance(load(fresh).good()[1], Link)
