"""The grant server of a machine put together: lock, port, certificate and life. One for all namespaces."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path

from skrouter.config.resources.rules import is_host
from skrouter.mgmt.controller.authority import CertificateAuthority
from skrouter.mgmt.grants.redeem import Redeemer
from skrouter.mgmt.grants.server import Server, server_context
from skrouter.mgmt.platforms.linux import files
from skrouter.mgmt.platforms.linux.grants import LocalGrants, write_server
from skrouter.mgmt.platforms.linux.host import addresses, main_address
from skrouter.mgmt.platforms.linux.layout import GrantLayout
from skrouter.mgmt.sites import changes as c
from skrouter.mgmt.sites.certificates import Issued, Issuer, Wanted, plan
from skrouter.mgmt.sites.facts import Grant, GrantServer, Host, Identity, Observed
from skrouter.mgmt.sites.grants import is_open

FIRST_PORT = 9090
LOOK_INTERVAL = 0.5
"""Seconds between two looks at grants, certificate and whether it is over."""
IDLE_TIME = 60.0
"""Seconds without an open grant after which the port is closed; a server for grants only ends then."""
MOST_ROUNDS = 2
"""Plans for a certificate from nothing: first the CA, then what it signs."""
CA = "skupper-grant-server-ca"
NAME = "skupper-grant-server"
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")

Log = Callable[[str, str], None]


class GrantService:
    """Serves open grants while it holds the lock, for which it waits.

    `run` on a thread of its own, `stop` from any.
    """

    def __init__(self, home: Path, log: Log, *, port: int = FIRST_PORT, ends_when_idle: bool = False) -> None:
        self._home = home
        self._layout = GrantLayout(home)
        self._log = log
        self._first_port = port
        self._ends_when_idle = ends_when_idle
        self._authority = CertificateAuthority()
        self._grants = LocalGrants(home, self._authority, time.time)
        self._ended = threading.Event()
        self._told: GrantServer | None = None
        self._last_open = 0.0

    def stop(self) -> None:
        """Let `run` return."""
        self._ended.set()

    @property
    def ended(self) -> bool:
        """Whether `stop` was called."""
        return self._ended.is_set()

    def wait(self, seconds: float) -> None:
        """Until then, or until `stop`."""
        self._ended.wait(seconds)

    def run(self) -> None:
        """Until `stop`, or until nobody needs it."""
        lock = self._wait_for_lock()
        if lock is None:
            return
        try:
            files.sweep(self._layout.root.parent)
            self._attend()
        finally:
            os.close(lock)

    def _wait_for_lock(self) -> int | None:
        files.make_directory(self._layout.root)
        while not self._ended.is_set():
            lock = files.lock(self._layout.lock)
            if lock is not None:
                return lock
            self._ended.wait(LOOK_INTERVAL)
        return None

    def _attend(self) -> None:
        """Serve whenever a grant is open: while none is, nothing listens."""
        self._last_open = time.monotonic()
        while not self._ended.is_set():
            if self._note_open(self._grants.all()):
                asyncio.run(self._serve())
            if self._ends_when_idle and self._is_idle():
                return
            self._ended.wait(LOOK_INTERVAL)

    def _note_open(self, grants: list[Grant]) -> bool:
        """Whether one of them can be redeemed, which is remembered."""
        now = time.time()
        found = any(is_open(one, now) for one in grants)
        if found:
            self._last_open = time.monotonic()
        return found

    def _is_idle(self) -> bool:
        return time.monotonic() - self._last_open > IDLE_TIME

    async def _serve(self) -> None:
        """Until `stop`, or until no grant has been open for a while."""
        with listen(self._kept_port()) as listener:
            await self._serve_at(listener)

    async def _serve_at(self, listener: socket.socket) -> None:
        port = int(listener.getsockname()[1])
        self._renew(_hosts(self._grants.all()))
        context = server_context(*self._files())
        redeemer = Redeemer(self._grants, self._log, now=time.time, clock=time.monotonic)
        serving = asyncio.create_task(Server(listener, context, redeemer).run())
        self._log("info", f"grants are redeemed at port {port}")
        try:
            await self._look_after(context, port, serving)
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
            self._log("info", f"grants are redeemed at port {port} no more")

    async def _look_after(self, context: ssl.SSLContext, port: int, serving: asyncio.Task[None]) -> None:
        """Certificate and endpoint are kept right, until it is over; an error if nobody serves any more."""
        while not self._ended.is_set() and not self._is_idle():
            grants = self._grants.all()
            self._note_open(grants)
            hosts = _hosts(grants)
            if self._renew(hosts):
                context.load_cert_chain(*self._files())
            self._tell(port, {one.uid: one.host for one in grants if one.host in ("", *hosts)})
            await asyncio.wait((serving,), timeout=LOOK_INTERVAL)
            if serving.done():
                serving.result()

    # --- port, certificate, endpoint

    def _kept_port(self) -> int:
        """The port of last time, which tokens that are under way name; else the first to try."""
        kept = self._layout.root / "port"
        text = (files.read(kept) or b"").decode("ascii", "replace").strip()
        return int(text) if text.isdigit() and 0 < int(text) < 65536 else self._first_port

    def _tell(self, port: int, served: dict[str, str]) -> None:
        ca = (files.read(self._layout.issuer / files.CERTIFICATE_FILE) or b"").decode()
        server = GrantServer(main_address(), port, ca, served)
        if server != self._told:
            files.write(self._layout.root / "port", f"{port}\n".encode())
            write_server(self._home, server)
            self._told = server

    def _files(self) -> tuple[Path, Path]:
        directory = self._layout.credentials
        return directory / files.CERTIFICATE_FILE, directory / files.KEY_FILE

    def _renew(self, hosts: frozenset[str]) -> bool:
        """Have a CA and a certificate that are right; whether the certificate is another one now."""
        wanted = Wanted({CA: Issuer(CA, CA)}, {NAME: Issued(NAME, CA, NAME, hosts)})
        renewed = False
        for _ in range(MOST_ROUNDS):
            changes = plan(wanted, self._observed(), time.time()).changes
            if not changes:
                break
            for change in changes:
                self._carry_out(change)
                renewed = renewed or isinstance(change, c.IssueCertificate)
        return renewed

    def _observed(self) -> Observed:
        found = {}
        for name, directory in ((CA, self._layout.issuer), (NAME, self._layout.credentials)):
            pems = files.read_pems(directory)
            described = None if pems is None else self._authority.describe(name, pems)
            found[name] = {} if described is None else {name: described}
        return Observed(Host(), Identity("", ""), issuers=found[CA], credentials=found[NAME])

    def _carry_out(self, change: c.Change) -> None:
        known = files.read_pems(self._layout.issuer)
        match change:
            case c.MakeIssuer(subject=subject, keep_key=keep_key):
                key = known.key if keep_key and known is not None else None
                files.write_pems(self._layout.issuer, self._authority.make_issuer(subject, time.time(), key))
            case c.IssueCertificate(subject=subject, hosts=hosts) if known is not None:
                pems = self._authority.issue(known, subject, hosts, time.time())
                files.write_pems(self._layout.credentials, pems)


def _hosts(grants: list[Grant]) -> frozenset[str]:
    """Under which these may be redeemed: names and addresses of this machine, and those they ask for."""
    asked = {one.host for one in grants if is_host(one.host)}
    return frozenset({socket.gethostname().lower(), *addresses(), *LOCAL_HOSTS, *asked})


def listen(first: int) -> socket.socket:
    """A listening socket on the first free port from this one on, of IPv6 and IPv4 where there are both."""
    both = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both else socket.AF_INET
    for port in range(first, 65536):
        try:
            return socket.create_server(("", port), family=family, dualstack_ipv6=both, backlog=64)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
    raise OSError(errno.EADDRINUSE, f"no port from {first} on is free")
