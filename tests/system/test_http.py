"""HTTP listeners of a running router: health, metrics, files, refusals. For WebSocket see test_websocket."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text
from proton import Message
from skrouter_testing.amqp_client import Client
from skrouter_testing.certs import Authority
from skrouter_testing.process import HOST, PATIENCE, RouterProcess, Routers, free_port, section

GAUGES = (
    "qdr_connections_total",
    "qdr_links_total",
    "qdr_addresses_total",
    "qdr_routers_total",
)
COUNTERS = tuple(
    f"qdr_{name}_total"
    for name in (
        "presettled_deliveries",
        "dropped_presettled_deliveries",
        "accepted_deliveries",
        "released_deliveries",
        "rejected_deliveries",
        "modified_deliveries",
        "deliveries_ingress",
        "deliveries_egress",
        "deliveries_transit",
        "deliveries_delayed_1sec",
        "deliveries_delayed_10sec",
    )
)
LATER_GAUGES = (
    "qdr_deliveries_stuck_total",
    "qdr_links_blocked_total",
    "qdr_last_topology_change_timestamp",
    "qdr_alloc_pool_bytes",
    "qdr_router_vmsize_bytes",
    "qdr_router_rss_bytes",
    *(f"qdr_{protocol}_service_connections" for protocol in ("amqp", "http1", "http2", "tcp")),
)


@dataclass(frozen=True, slots=True)
class Web:
    """A router with an HTTP listener, files below `root`, and an AMQP listener."""

    router: RouterProcess
    port: int
    amqp: int
    root: Path

    @contextlib.contextmanager
    def connected(self) -> Iterator[http.client.HTTPConnection]:
        """A client's connection."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=PATIENCE)
        try:
            yield connection
        finally:
            connection.close()

    def get(self, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers in lower case, body."""
        with self.connected() as connection:
            connection.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return response.status, found, response.read()

    def raw(self, octets: bytes) -> bytes:
        """What comes back until the router ends the connection."""
        with socket.create_connection((HOST, self.port), PATIENCE) as sock:
            sock.sendall(octets)
            return everything(sock)


def everything(sock: socket.socket) -> bytes:
    found = b""
    with contextlib.suppress(ConnectionResetError):
        while data := sock.recv(65536):
            found += data
    return found


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    directory = tmp_path_factory.mktemp("web")
    root = directory / "root"
    (root / "sub").mkdir(parents=True)
    (root / "index.html").write_text("<p>hello</p>")
    (root / "sub" / "index.html").write_text("<p>sub</p>")
    (root / "big.bin").write_bytes(bytes(range(256)) * 20_000)
    (directory / "secret").write_text("secret")
    (root / "out").symlink_to("../secret")
    port, amqp = free_port(), free_port()
    text = section("router", mode="interior", id="W")
    text += section("listener", name="web", host=HOST, port=port, httpRootDir=root)
    text += section("listener", name="amqp", host=HOST, port=amqp)
    text += section("connector", name="nowhere", role="inter-router", host=HOST, port=free_port())
    text += section("tcpListener", name="tcp", host=HOST, port=free_port(), address="service")
    text += section("log", module="HTTP", enable="debug+")
    with Routers(directory) as routers:
        yield Web(routers.start("W", text), port, amqp, root)


# --- health and metrics


def test_b15_health_is_ok_in_three_octets(web: Web) -> None:
    status, headers, body = web.get("/healthz")
    assert (status, headers["content-type"], body) == (200, "text/plain", b"OK\n")


def test_a_health_check_leaves_nothing_behind(web: Web) -> None:
    before = web.get("/metrics")[2]
    for _ in range(3):
        web.get("/healthz")
    samples = [
        {s.name: s.value for f in parse_text(text.decode()) for s in f.samples if not s.labels}
        for text in (before, web.get("/metrics")[2])
    ]
    for name in (
        "qdr_addresses_total",
        "qdr_links_total",
        "qdr_connections_total",
        "qdr_deliveries_ingress_total",
    ):
        assert samples[0][name] == samples[1][name]


def test_g9_metrics_of_the_reference_come_first_with_its_names_and_types(web: Web) -> None:
    status, headers, body = web.get("/metrics")
    assert status == 200
    assert headers["content-type"].startswith("text/plain")
    lines = body.decode().splitlines()
    types = [line.split()[2:] for line in lines if line.startswith("# TYPE ")]
    pools = [each for each in types if ":" in each[0]]
    assert {name.partition(":")[2] for name, _ in pools} == {"allocated", "in_use", "cached", "bytes"}
    place = types.index(pools[0])
    assert types[place : place + len(pools) + 1] == [*pools, ["qdr_alloc_pool_bytes", "gauge"]]
    types = [each for each in types if each not in pools]
    expected = [
        *([name, "gauge"] for name in GAUGES),
        *([name, "counter"] for name in COUNTERS),
        *([name, "gauge"] for name in LATER_GAUGES),
    ]
    assert types[: len(expected)] == expected
    assert all(name.startswith("skrouter_") for name, _ in types[len(expected) :])
    for name, _ in expected:
        assert sum(line.startswith(f"{name} ") for line in lines) == 1


@pytest.mark.parametrize(
    ("accept", "kind"),
    [("*/*", "text/plain"), ("application/openmetrics-text", "application/openmetrics-text")],
)
def test_g9_metrics_count_what_happens(web: Web, accept: str, kind: str) -> None:
    def sample(metric: str, **labels: str) -> float:
        _, headers, body = web.get("/metrics", accept=accept)
        assert headers["content-type"].startswith(kind)
        parse = parse_text if kind == "text/plain" else parse_openmetrics
        for family in parse(body.decode()):
            for one in family.samples:
                if one.name == metric and labels.items() <= one.labels.items():
                    return float(one.value)
        return -1.0

    address = f"counted-{kind[:4]}"
    before = sample("qdr_accepted_deliveries_total")
    with Client(web.amqp) as client:
        receiver = client.receiver(address)
        sender = client.sender(address)
        for _ in range(3):
            assert sender.send(Message(body="x")).outcome().state == "accepted"
        assert len(receiver.arrivals) == 3
        assert sample("qdr_connections_total") >= 1
        assert sample("skrouter_connections", dir="in", port="amqp") == 1
        assert sample("skrouter_connections", dir="in", port="web") == 0
        assert sample("skrouter_connector_up", connector="nowhere") == 0
        assert sample("skrouter_tcp_listener_up", name="tcp") == 0
        assert sample("skrouter_address_consumers", address=address) == 1
        assert sample("skrouter_address_deliveries_ingress_total", address=address) == 3
    assert sample("qdr_accepted_deliveries_total") - before == 3
    assert sample("qdr_router_rss_bytes") > 1_000_000


def test_curl_is_content(web: Web) -> None:
    try:
        found = subprocess.run(
            ["curl", "-sS", "--fail", f"http://{HOST}:{web.port}/healthz", f"http://{HOST}:{web.port}/"],
            capture_output=True,
            timeout=PATIENCE,
            check=True,
        )
    except FileNotFoundError:
        pytest.skip("there is no curl here")
    assert found.stdout == b"OK\n<p>hello</p>"


# --- files


def test_b15_a_file_is_served_and_not_sent_again_to_who_has_it(web: Web) -> None:
    status, headers, body = web.get("/")
    assert (status, headers["content-type"], body) == (200, "text/html; charset=utf-8", b"<p>hello</p>")
    assert web.get("/", if_none_match=headers["etag"])[::2] == (304, b"")
    assert web.get("/", if_modified_since=headers["last-modified"])[::2] == (304, b"")
    status, head, body = web.get("/index.html", "HEAD")
    assert (status, head["content-length"], body) == (200, "12", b"")


def test_a_big_file_comes_whole_and_the_connection_stays(web: Web) -> None:
    with web.connected() as connection:
        for _ in range(2):
            connection.request("GET", "/big.bin")
            assert connection.getresponse().read() == (web.root / "big.bin").read_bytes()
        connection.request("GET", "/healthz")
        assert connection.getresponse().read() == b"OK\n"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/../secret", 404),
        ("/%2e%2e/secret", 404),
        ("/out", 403),
        ("/nothing", 404),
        ("/sub", 301),
        ("/sub/", 200),
    ],
)
def test_only_files_below_the_root_are_served(web: Web, path: str, status: int) -> None:
    found = web.get(path)
    assert found[0] == status
    assert b"secret" not in found[2]
    if status == 301:
        assert found[1]["location"] == "/sub/"


def test_requests_in_one_write_are_answered_in_order(web: Web) -> None:
    requests = b"".join(
        f"GET {path} HTTP/1.1\r\nHost: a\r\n{'Connection: close' if last else 'X: y'}\r\n\r\n".encode()
        for path, last in (("/healthz", False), ("/nothing", False), ("/", True))
    )
    octets = web.raw(requests)
    statuses = [octets[at + 9 : at + 12] for at in range(len(octets)) if octets.startswith(b"HTTP/1.1 ", at)]
    assert statuses == [b"200", b"404", b"200"]
    assert octets.endswith(b"<p>hello</p>")


# --- refusals: an answer, one line in the log


@pytest.mark.parametrize(
    ("octets", "status", "words"),
    [
        (b"AMQP\x00\x01\x00\x00", b"400", "AMQP without WebSocket"),
        (b"\x16\x03\x01\x02\x00\x01\x00", b"400", "not HTTP/1.1"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 20_000, b"431", "longer than 16384 octets"),
        (
            b"POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n" + b"x" * 100_000,
            b"413",
            "body",
        ),
    ],
)
def test_what_is_refused_is_answered_and_logged_once(
    web: Web, octets: bytes, status: bytes, words: str
) -> None:
    mark = web.router.mark()
    assert web.raw(octets).startswith(b"HTTP/1.1 " + status)
    web.router.wait_line("HTTP (warning)", "refused", words, after=mark)
    web.get("/healthz")
    assert len(web.router.found("refused", after=mark)) == 1
    assert web.router.found("(error)", after=mark) == []


def test_who_drips_a_request_is_cut_off_in_time(web: Web) -> None:
    mark = web.router.mark()
    with socket.create_connection((HOST, web.port), 30) as sock:
        began = time.monotonic()
        sock.sendall(b"GET / HT")
        assert everything(sock).startswith(b"HTTP/1.1 408 ")
        assert 9 < time.monotonic() - began < 15
    web.router.wait_line("HTTP (warning)", "not finished within 10 seconds", after=mark)


def test_peers_that_come_and_go_are_no_errors(web: Web) -> None:
    mark = web.router.mark()
    for octets in (b"", b"GET /", b"GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n"):
        with socket.create_connection((HOST, web.port), PATIENCE) as sock:
            sock.sendall(octets)
    web.get("/healthz")
    assert web.router.found("(error)", after=mark) == []
    assert web.router.found("Accepted connection", after=mark) == []


def test_http_on_an_amqp_listener_is_refused_as_ever(web: Web) -> None:
    with socket.create_connection((HOST, web.amqp), PATIENCE) as sock:
        sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        assert not everything(sock).startswith(b"HTTP")


# --- listeners that offer less, and TLS


def test_what_is_switched_off_is_not_there(routers: Routers) -> None:
    port = free_port()
    text = section("router", mode="standalone", id="O")
    text += section(
        "listener", host=HOST, port=port, http=True, healthz=False, metrics=False, websockets=False
    )
    web = Web(routers.start("O", text), port, 0, Path())
    assert [web.get(path)[0] for path in ("/healthz", "/metrics", "/")] == [404, 404, 404]
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket"}
    assert web.get("/", **upgrade)[0] == 403


@dataclass(frozen=True, slots=True)
class Secure:
    """An HTTP listener that wants certificates, and what clients need."""

    web: Web
    authority: Authority

    def context(self, name: str | None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.authority.ca_file)
        if name is not None:
            pair = self.authority.issue(name)
            context.load_cert_chain(pair.certificate, pair.key)
        return context

    def health(self, context: ssl.SSLContext) -> bytes:
        connection = http.client.HTTPSConnection(
            "localhost", self.web.port, timeout=PATIENCE, context=context
        )
        with contextlib.closing(connection):
            connection.request("GET", "/healthz")
            return connection.getresponse().read()


@pytest.fixture
def secure(request: pytest.FixtureRequest, routers: Routers, tmp_path: Path) -> Secure:
    authority = Authority(tmp_path)
    pair = authority.issue("server", dns=("localhost",), addresses=(HOST,))
    port = free_port()
    text = section("router", mode="standalone", id="T")
    text += section(
        "sslProfile",
        name="tls",
        caCertFile=authority.ca_file,
        certFile=pair.certificate,
        privateKeyFile=pair.key,
    )
    options = getattr(request, "param", {})
    text += section("listener", host=HOST, port=port, http=True, sslProfile="tls", **options)
    return Secure(Web(routers.start("T", text), port, 0, Path()), authority)


def test_https_and_http_are_both_welcome_unless_tls_is_required(secure: Secure) -> None:
    assert secure.health(secure.context(None)) == b"OK\n"
    assert secure.web.get("/healthz")[2] == b"OK\n"


@pytest.mark.parametrize("secure", [{"requireSsl": True}], indirect=True)
def test_http_in_the_clear_is_refused_where_tls_is_required(secure: Secure) -> None:
    assert secure.health(secure.context(None)) == b"OK\n"
    assert secure.web.raw(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n") == b""
    secure.web.router.wait_line("Client connection unencrypted - forbidden")


@pytest.mark.parametrize("secure", [{"authenticatePeer": True}], indirect=True)
def test_peers_must_show_a_certificate_where_they_are_authenticated(secure: Secure) -> None:
    assert secure.health(secure.context("client")) == b"OK\n"
    with pytest.raises((ssl.SSLError, ConnectionError, http.client.HTTPException)):
        secure.health(secure.context(None))
    secure.web.router.wait_line("peer did not return a certificate")
    assert secure.web.get("/healthz")[0] == 403
