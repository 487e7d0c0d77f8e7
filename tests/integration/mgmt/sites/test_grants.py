"""The grant server over TLS: what it answers, what strangers may hold, what survives its end."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from skrouter.cli.commands.redeem import redeem
from skrouter.cli.grants import GrantService
from skrouter.config.resources.access_grant import AccessGrant, AccessGrantSpec, AccessGrantStatus
from skrouter.config.resources.access_token import AccessToken, AccessTokenSpec
from skrouter.config.resources.common import Metadata, Resource
from skrouter.config.resources.core import Secret
from skrouter.config.resources.link import Link
from skrouter.config.resources.router_access import Role, RouterAccess, RouterAccessSpec
from skrouter.config.resources.site import Site
from skrouter.mgmt.controller.authority import CertificateAuthority
from skrouter.mgmt.grants.server import MOST_OF_ONE
from skrouter.mgmt.platforms.linux.files import pems_of
from skrouter.mgmt.platforms.linux.grants import GrantFiles, read_server
from skrouter.mgmt.platforms.linux.layout import GrantLayout, Layout
from skrouter.mgmt.platforms.linux.managers import is_locked, start_supervisor
from skrouter.mgmt.platforms.linux.platform import LinuxPlatform
from skrouter.mgmt.platforms.linux.store import Store
from skrouter.mgmt.platforms.linux.supervise import DONE
from skrouter.mgmt.sites import grants
from skrouter.mgmt.sites.changes import KeepGrant, MakeIssuer
from skrouter.mgmt.sites.facts import GrantServer, Identity
from skrouter.mgmt.sites.platform import PlatformError
from skrouter_testing.process import free_port, wait_until

SITE_CA = "skupper-site-ca"
SITE = Site(Metadata("west"))
ACCESS = RouterAccess(
    Metadata("west"), RouterAccessSpec((Role("inter-router", 7001), Role("edge", 7002)), "tls")
)
NOW = 1_800_000_000.0


class NoRouter:
    """A manager of a router that is never started."""

    def is_started(self) -> bool:
        return False

    def start(self, site_id: str) -> None:
        raise AssertionError(site_id)

    def restart(self) -> None:
        raise AssertionError

    def stop(self) -> None:
        raise AssertionError


class Place:
    """A data home with one site, and its grant server on a thread."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.layout = Layout(home, "west")
        self.log: list[str] = []
        self.now = NOW
        authority = CertificateAuthority()
        self.platform = LinuxPlatform(
            self.layout,
            authority=authority,
            manager=NoRouter(),
            new_identity=Identity("site", "1-1"),
            now=lambda: self.now,
            redeem=redeem,
            version="1",
        )
        self.platform.carry_out(MakeIssuer(SITE_CA, "site CA", "test"))
        Store(self.layout, authority).write_resources((SITE, ACCESS))
        self.port = free_port()
        self.start()

    def start(self) -> None:
        self.service = GrantService(self.home, lambda _, text: self.log.append(text), port=self.port)
        self._thread = threading.Thread(target=self.service.run)
        self._thread.start()

    def is_listening(self) -> bool:
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", self.port)):
            return True
        return False

    def stop(self) -> None:
        self.service.stop()
        self._thread.join(10)
        assert not self._thread.is_alive()

    @property
    def server(self) -> GrantServer:
        found = read_server(self.home)
        assert found is not None
        return found

    def grant(
        self,
        name: str = "guests",
        *,
        allowed: int = 1,
        issuer: str = SITE_CA,
        window: float = 1e9,
        host: str = "",
    ) -> AccessToken:
        """A token of a new grant, whose end is far unless the window is negative."""
        self.platform.carry_out(KeepGrant(name, allowed, window, "", issuer, host))
        wait_until(lambda: self.status(name).url, "the grant to be ready")
        status = self.status(name)
        return AccessToken(Metadata("far"), AccessTokenSpec(status.url, status.code, status.ca, link_cost=7))

    def status(self, name: str) -> AccessGrantStatus:
        resource = AccessGrant(Metadata(name), AccessGrantSpec())
        return grants.status(resource, self.platform.observe_grants())


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    found = Place(tmp_path)
    yield found
    found.stop()


def link_of(documents: tuple[Resource, ...]) -> Link:
    return next(one for one in documents if isinstance(one, Link))


def test_token_becomes_a_link_and_a_certificate_of_the_site(place: Place) -> None:
    documents = redeem(place.grant(), "east")
    (secret,) = (one for one in documents if isinstance(one, Secret))
    link = link_of(documents)
    assert (link.name, link.spec.tls_credentials, link.spec.cost) == ("far", "far", 7)
    assert [(one.name, one.host, one.port) for one in link.spec.endpoints] == [
        ("inter-router", place.server.host, "7001"),
        ("edge", place.server.host, "7002"),
    ]
    described = CertificateAuthority().describe("far", pems_of(secret.data))
    assert described is not None and described.subject == "east"
    assert described.hosts == {place.server.host}
    assert secret.data["ca.crt"] == (place.layout.issuers / SITE_CA / "tls.crt").read_bytes()


@pytest.mark.parametrize("allowed", [1, 3])
def test_many_at_once_get_no_more_than_is_allowed(place: Place, allowed: int) -> None:
    token = place.grant(allowed=allowed)

    def attempt(number: int) -> str:
        try:
            redeem(token, f"east-{number}")
        except PlatformError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(6) as pool:
        found = sorted(pool.map(attempt, range(6)))
    refusal = "Received HTTP Response 404: No such access granted"
    assert found == [""] * allowed + [refusal] * (6 - allowed)
    assert place.status("guests").redemptions == allowed


def test_wrong_code_expired_grant_and_unknown_identity_are_refused(place: Place) -> None:
    token = place.grant()
    wrong = replace(token, spec=replace(token.spec, code="guess"))
    with pytest.raises(PlatformError, match="403: Redemption of access token refused"):
        redeem(wrong, "east")
    unknown = replace(token, spec=replace(token.spec, url=token.spec.url[:-4] + "0000"))
    with pytest.raises(PlatformError, match="404: No such claim"):
        redeem(unknown, "east")
    place.now = 0
    with pytest.raises(PlatformError, match="404: No such claim"):
        redeem(place.grant("past"), "east")
    assert place.status("guests").redemptions == 0


def test_use_is_not_spent_if_the_ca_is_missing(place: Place) -> None:
    with pytest.raises(PlatformError, match="500: Could not get issuer for requested certificate"):
        redeem(place.grant(issuer="missing"), "east")
    assert place.status("guests").redemptions == 0


def test_token_of_another_server_is_not_trusted(place: Place) -> None:
    token = place.grant()
    other = CertificateAuthority().make_issuer("other", NOW).certificate.decode()
    with pytest.raises(PlatformError, match="certificate verify failed"):
        redeem(replace(token, spec=replace(token.spec, ca=other)), "east")


def test_uses_and_port_survive_the_end_of_the_server(place: Place) -> None:
    token = place.grant(allowed=2)
    redeem(token, "one")
    place.stop()
    assert read_server(place.home) is None and place.status("guests").url == ""
    place.start()
    wait_until(place.is_listening, "the grant server")
    redeem(token, "two")
    with pytest.raises(PlatformError, match="No such access granted"):
        redeem(token, "three")


def test_host_of_a_grant_comes_into_the_certificate_while_the_server_runs(place: Place) -> None:
    first = place.grant("first", host="localhost")
    assert first.spec.url.startswith("https://localhost:")
    assert [one.host for one in link_of(redeem(first, "east")).spec.endpoints] == ["localhost"] * 2
    second = place.grant("second", host="west.example")
    assert "west.example" in place.server.grants.values() and second.spec.ca == first.spec.ca


def test_secrets_are_for_the_owner_only_and_never_in_the_log(place: Place) -> None:
    token = place.grant()
    key = next(one.data["tls.key"] for one in redeem(token, "east") if isinstance(one, Secret)).decode()
    layout = GrantLayout(place.home)
    secret = [*place.layout.grants.glob("*.json"), layout.issuer / "tls.key", layout.credentials / "tls.key"]
    assert {one.stat().st_mode & 0o777 for one in secret} == {0o600}
    text = "\n".join(place.log)
    assert "has a link as east" in text
    assert token.spec.code not in text and key.splitlines()[1] not in text
    public = layout.endpoint.read_text()
    assert "PRIVATE" not in public and token.spec.code not in public


def test_older_tls_is_refused(place: Place) -> None:
    place.grant()
    context = ssl.create_default_context(cadata=place.server.ca)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with (
        socket.create_connection(("127.0.0.1", place.port), timeout=10) as sock,
        pytest.raises((ssl.SSLError, ConnectionError)),
    ):
        context.wrap_socket(sock, server_hostname="127.0.0.1")


def test_who_holds_connections_keeps_nobody_else_out(place: Place) -> None:
    token = place.grant(host="127.0.0.1")
    token = replace(
        token, spec=replace(token.spec, url=token.spec.url.replace("127.0.0.1", place.server.host))
    )
    with contextlib.ExitStack() as stack:
        held = [
            stack.enter_context(socket.create_connection(("127.0.0.1", place.port), timeout=10))
            for _ in range(MOST_OF_ONE + 3)
        ]
        assert sum(is_closed(one) for one in held) == 3
        if place.server.host != "127.0.0.1":
            redeem(token, "east")
    wait_until(lambda: can_ask(place), "a place for the next one")


def is_closed(sock: socket.socket) -> bool:
    sock.settimeout(0.5)
    try:
        return sock.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionResetError:
        return True


def can_ask(place: Place) -> bool:
    return ask(place, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").startswith(b"HTTP/1.1 405 ")


def ask(place: Place, octets: bytes) -> bytes:
    """What the server says to these octets, over TLS."""
    context = ssl.create_default_context(cadata=place.server.ca)
    found = b""
    with (
        contextlib.suppress(OSError),
        socket.create_connection(("127.0.0.1", place.port), timeout=10) as sock,
        context.wrap_socket(sock, server_hostname="127.0.0.1") as secured,
    ):
        secured.sendall(octets)
        while part := secured.recv(4096):
            found += part
    return found


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"405"),
        (b"\x00\x01\x02\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: x\r\n" + b"a: b\r\n" * 5000 + b"\r\n", b"400"),
        (b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na", b"404"),
    ],
)
def test_nonsense_gets_an_answer_and_the_server_goes_on(place: Place, octets: bytes, status: bytes) -> None:
    token = place.grant()
    assert ask(place, octets)[9:12] in (status, b"")
    redeem(token, "east")


def test_port_in_use_is_avoided_and_told(place: Place) -> None:
    with socket.create_server(("", place.port)):
        token = place.grant()
        assert place.server.port != place.port
        redeem(token, "east")


def test_nothing_listens_while_no_grant_is_open(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skrouter.cli.grants.IDLE_TIME", 2.0)
    assert not place.is_listening()
    token = place.grant("first")
    redeem(token, "east")
    wait_until(lambda: not place.is_listening(), "the port to be closed")
    assert place.status("first").url == token.spec.url
    redeem(place.grant("second"), "east")


def test_server_for_grants_only_ends_when_none_is_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skrouter.cli.grants.IDLE_TIME", 0.1)
    service = GrantService(tmp_path, lambda *_: None, port=free_port(), ends_when_idle=True)
    thread = threading.Thread(target=service.run)
    thread.start()
    thread.join(20)
    assert not thread.is_alive() and not GrantLayout(tmp_path).endpoint.exists()
    assert read_server(tmp_path) is None


def test_broken_record_counts_as_absent(tmp_path: Path) -> None:
    directory = tmp_path / "grants"
    directory.mkdir()
    (directory / "a.json").write_text("{")
    (directory / "b.json").write_text(json.dumps({"uid": "b"}))
    assert GrantFiles(directory).all() == {}


def test_supervisor_ends_with_a_command_that_has_nothing_left_to_do(tmp_path: Path) -> None:
    lock, log = tmp_path / "supervisor.lock", tmp_path / "log"
    start_supervisor(lock, log, ["/bin/sh", "-c", f"echo run; exit {DONE}"], dict(os.environ))
    wait_until(lambda: log.exists() and log.read_text() and not is_locked(lock), "the supervisor to end")
    assert log.read_text() == "run\n"
