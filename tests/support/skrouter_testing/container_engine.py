"""A container engine that runs nothing: the part of the Docker-compatible API that sites use, on a socket."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

VERSION = "1.41"

Answer = tuple[int, object]


@dataclass
class FakeEngine:
    """Images by name, containers by name as `inspect` shows them, and what was asked for.

    `registry` holds what can be pulled; `failure` is the answer to the next request that changes something.
    """

    socket: Path
    images: set[str] = field(default_factory=set)
    registry: set[str] = field(default_factory=set)
    containers: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    bodies: dict[str, dict[str, Any]] = field(default_factory=dict)
    security: tuple[str, ...] = ()
    failure: Answer | None = None

    def state(self, name: str) -> str:
        """Of a container; empty if there is none."""
        return str(self.containers[name]["State"]["Status"]) if name in self.containers else ""

    def set_state(self, name: str, status: str) -> None:
        """What somebody else did to a container."""
        self.containers[name]["State"]["Status"] = status

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: dict[str, Any]) -> Answer:
        """Status and JSON of an answer."""
        self.requests.append(f"{method} {path}")
        if method != "GET" and self.failure is not None:
            failure, self.failure = self.failure, None
            return failure
        parts = path.strip("/").split("/")
        if parts == ["_ping"]:
            return 200, "OK"
        if parts[0] != f"v{VERSION}":
            return 400, {"message": f"client version {parts[0]} is not supported"}
        return self._of_version(method, parts[1:], query, body)

    def _of_version(
        self, method: str, parts: list[str], query: dict[str, list[str]], body: dict[str, Any]
    ) -> Answer:
        match method, parts:
            case "GET", ["info"]:
                return 200, {"SecurityOptions": list(self.security)}
            case "POST", ["images", "create"]:
                return self._pull(query["fromImage"][0])
            case "GET", ["images", *name, "json"]:
                found = "/".join(name)
                return (200, {"Id": f"sha256:{found}"}) if found in self.images else _absent(found)
            case "POST", ["containers", "create"]:
                return self._create(query["name"][0], body)
            case _, ["containers", name, *action]:
                return self._act(method, name, action)
        return 404, {"message": "page not found"}

    def _pull(self, name: str) -> Answer:
        if name not in self.registry:
            return 200, {"error": f"no such image {name} in the registry"}
        self.images.add(name)
        return 200, {"status": "Download complete"}

    def _create(self, name: str, body: dict[str, Any]) -> Answer:
        if name in self.containers:
            return 409, {"message": f"the name {name} is in use"}
        if body["Image"] not in self.images:
            return _absent(body["Image"])
        binds = [one.split(":") for one in body["HostConfig"]["Binds"]]
        self.bodies[name] = body
        self.containers[name] = {
            "State": {"Status": "created"},
            "Config": {"Labels": body["Labels"], "Image": body["Image"]},
            "Mounts": [{"Source": one[0], "Destination": one[1]} for one in binds],
        }
        return 201, {"Id": name}

    def _act(self, method: str, name: str, action: list[str]) -> Answer:
        if name not in self.containers:
            return _absent(name)
        if method == "DELETE":
            del self.containers[name]
            return 204, None
        if action == ["json"]:
            return 200, self.containers[name]
        wanted = "exited" if action == ["stop"] else "running"
        if action != ["restart"] and self.state(name) == wanted:
            return 304, None
        self.set_state(name, wanted)
        return 204, None


def _absent(name: str) -> Answer:
    return 404, {"message": f"no such object: {name}"}


class _Server(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True


@contextmanager
def serve_engine(socket: Path) -> Iterator[FakeEngine]:
    """An engine that listens on a socket."""
    engine = FakeEngine(socket)
    server = _Server(str(socket), _handler(engine))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield engine
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(engine: FakeEngine) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            """One request for each connection."""
            super().handle_one_request()
            self.close_connection = True

        def _serve(self) -> None:
            url = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else {}
            status, content = engine.answer(self.command, unquote(url.path), parse_qs(url.query), body)
            text = b"" if content is None else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Api-Version", VERSION)
            if status not in (204, 304):
                self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            if status not in (204, 304):
                self.wfile.write(text)

        do_GET = do_POST = do_DELETE = _serve  # noqa: N815 — names of the base class

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Tests ask for `requests`."""

        def address_string(self) -> str:
            """Of a socket there is none."""
            return "socket"

    return Handler
