"""A token is redeemed over TLS 1.3 at the place it names and trusts, and nowhere else."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from skrouter.cli.commands.redeem import redeem
from skrouter.config.resources.access_token import AccessToken, AccessTokenSpec
from skrouter.config.resources.common import Metadata
from skrouter.config.resources.documents import dump
from skrouter.config.resources.link import Link
from skrouter.mgmt.controller.authority import CertificateAuthority
from skrouter.mgmt.sites.platform import Pems, PlatformError
from skrouter_testing.site_world import token_documents

AUTHORITY = CertificateAuthority()
CA = AUTHORITY.make_issuer("grant CA", time.time())
SERVER = AUTHORITY.issue(CA, "grants", ["127.0.0.1"], time.time())


class Grants(BaseHTTPRequestHandler):
    """Knows one claim and one code; elsewhere it redirects."""

    def do_POST(self) -> None:
        code = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/claim")
            self.end_headers()
            return
        good = code == "right" and (self.headers["name"], self.headers["subject"]) == ("far", "west")
        body = dump(token_documents("far")) if good else "Redemption of access token refused"
        self.send_response(200 if good else 403)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Tests print nothing."""


def serve(directory: Path, newest: ssl.TLSVersion) -> ThreadingHTTPServer:
    for name, content in (("crt", SERVER.certificate), ("key", SERVER.key)):
        (directory / name).write_bytes(content)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "crt", directory / "key")
    context.maximum_version = newest
    server = ThreadingHTTPServer(("127.0.0.1", 0), Grants)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture(params=[ssl.TLSVersion.TLSv1_3])
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[ThreadingHTTPServer]:
    found = serve(tmp_path, request.param)
    yield found
    found.shutdown()
    found.server_close()


def token(
    server: ThreadingHTTPServer, *, code: str = "right", ca: Pems = CA, path: str = "claim"
) -> AccessToken:
    url = f"https://127.0.0.1:{server.server_address[1]}/{path}"
    return AccessToken(Metadata("far"), AccessTokenSpec(url, code, ca.certificate.decode(), link_cost=7))


def test_right_code_becomes_secret_and_link(server: ThreadingHTTPServer) -> None:
    _, link = redeem(token(server), "west")
    assert isinstance(link, Link) and link.spec.cost == 7


def test_wrong_code_is_told_with_the_words_of_the_other_site(server: ThreadingHTTPServer) -> None:
    with pytest.raises(PlatformError, match="Received HTTP Response 403: Redemption of access token refused"):
        redeem(token(server, code="wrong"), "west")


def test_another_authority_is_not_trusted(server: ThreadingHTTPServer) -> None:
    other = AUTHORITY.make_issuer("other CA", time.time())
    with pytest.raises(PlatformError, match="certificate verify failed"):
        redeem(token(server, ca=other), "west")


def test_redirects_are_not_followed(server: ThreadingHTTPServer) -> None:
    with pytest.raises(PlatformError, match="302"):
        redeem(token(server, path="moved"), "west")


@pytest.mark.parametrize("server", [ssl.TLSVersion.TLSv1_2], indirect=True)
def test_older_tls_is_refused(server: ThreadingHTTPServer) -> None:
    with pytest.raises(PlatformError, match="Controller got error"):
        redeem(token(server), "west")


def test_place_where_nobody_answers_is_an_error(server: ThreadingHTTPServer) -> None:
    found = token(server)
    server.shutdown()
    server.server_close()
    with pytest.raises(PlatformError, match="Connection refused"):
        redeem(found, "west", timeout=2)
