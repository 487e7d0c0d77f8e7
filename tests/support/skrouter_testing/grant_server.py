"""A grant server as a cluster has one: for one code it answers Secret and Link (local-system.md §7)."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

from skrouter.config.resources.access_token import AccessToken, AccessTokenSpec
from skrouter.config.resources.common import Metadata
from skrouter.config.resources.core import Secret
from skrouter.config.resources.documents import dump, load
from skrouter.config.resources.link import Link
from skrouter.mgmt.controller.authority import CertificateAuthority

from skrouter_testing.machine import Machine

PORT: Final = 9090
_CODE: Final = "d3adb33f"


def as_answer(generated: str, name: str) -> str:
    """A generated link as a grant server answers it: Secret and Link have the token's name."""
    found = []
    for one in load(generated).good():
        named = replace(one, metadata=Metadata(name))
        if isinstance(named, Link):
            named = replace(named, spec=replace(named.spec, tls_credentials=name))
        assert isinstance(named, Link | Secret)
        found.append(named)
    return dump(found, status=False)


@contextmanager
def grants(
    machine: Machine, directory: Path, answer: str, *, name: str, host: str = "127.0.0.1"
) -> Iterator[AccessToken]:
    """A grant server on the machine, reached under the host, and a token that it takes."""
    authority = CertificateAuthority()
    ca = authority.make_issuer("grants", time.time())
    pems = authority.issue(ca, "grants", [host], time.time())
    for file, content in (("crt", pems.certificate), ("key", pems.key)):
        (directory / file).write_bytes(content)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "crt", directory / "key")
    server = ThreadingHTTPServer((host, PORT), _claims(answer), bind_and_activate=False)
    server.socket.close()
    listening = machine.serve(PORT, host)
    server.socket = context.wrap_socket(listening, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        spec = AccessTokenSpec(f"https://{host}:{PORT}/claim", _CODE, ca.certificate.decode())
        yield AccessToken(Metadata(name), spec)
    finally:
        server.shutdown()
        server.server_close()


def _claims(answer: str) -> type[BaseHTTPRequestHandler]:
    class Claims(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            code = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self.send_response(200 if code == _CODE else 404)
            self.end_headers()
            self.wfile.write(answer.encode() if code == _CODE else b"No such claim\n")

        def log_message(self, *_: object) -> None:
            """Tests print nothing."""

    return Claims
