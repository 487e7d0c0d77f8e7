"""The grant server of a machine put together: lock, port, certificate and life. One for all namespaces."""

from __future__ import annotations

import asyncio
import errno
import fcntl
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
from skrouter.mgmt.sites.facts import GrantServer, Host, Identity, Observed
from skrouter.mgmt.sites.grants import is_open

FIRST_PORT = 9090
LOOK_INTERVAL = 0.5
"""Seconds between two looks at grants, certificate and whether it is over."""
IDLE_TIME = 60.0
"""Seconds without an open grant after which a server ends that was started for grants only."""
MOST_ROUNDS = 2
"""Plans for a certificate from nothing: first the CA, then what it signs."""
CA = "skupper-grant-server-ca"
NAME = "skupper-grant-server"
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")

Log = Callable[[str, str], None]


class GrantService:
    """Serves while it holds the lock, for which it waits; `run` on a thread of its own, `stop` from any."""

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
        files.make_directory(self._layout.root)
        descriptor = os.open(self._layout.lock, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            while not _taken(descriptor):
                if self._ended.wait(LOOK_INTERVAL):
                    return
            asyncio.run(self._serve())
        finally:
            os.close(descriptor)

    async def _serve(self) -> None:
        listener = listen(self._kept_port())
        port = int(listener.getsockname()[1])
        self._renew()
        context = server_context(*self._files())
        redeemer = Redeemer(self._grants, self._log, now=time.time, clock=time.monotonic)
        serving = asyncio.create_task(Server(listener, context, redeemer).run())
        self._log("info", f"grants are redeemed at port {port}")
        try:
            await self._look_after(context, port, serving)
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
            files.remove(self._layout.endpoint)

    async def _look_after(self, context: ssl.SSLContext, port: int, serving: asyncio.Task[None]) -> None:
        """Certificate and endpoint are kept right, until it is over; an error if nobody serves any more."""
        idle_since = time.monotonic()
        while not self._ended.is_set():
            if self._renew():
                context.load_cert_chain(*self._files())
            self._tell(port)
            await asyncio.wait((serving,), timeout=LOOK_INTERVAL)
            if serving.done():
                serving.result()
            if self._has_open_grants():
                idle_since = time.monotonic()
            elif self._ends_when_idle and time.monotonic() - idle_since > IDLE_TIME and self._leave():
                return

    def _leave(self) -> bool:
        """Say first that nobody is here, then look again: who makes a grant now sees it."""
        files.remove(self._layout.endpoint)
        self._told = None
        return not self._has_open_grants()

    def _has_open_grants(self) -> bool:
        now = time.time()
        return any(is_open(one, now) for one in self._grants.all())

    # --- port, certificate, endpoint

    def _kept_port(self) -> int:
        """The port of last time, which tokens that are under way name; else the first to try."""
        kept = self._layout.root / "port"
        text = (files.read(kept) or b"").decode("ascii", "replace").strip()
        return int(text) if text.isdigit() and 0 < int(text) < 65536 else self._first_port

    def _tell(self, port: int) -> None:
        ca = (files.read(self._layout.issuer / files.CERTIFICATE_FILE) or b"").decode()
        server = GrantServer(main_address(), port, ca, self._hosts())
        if server != self._told:
            files.write(self._layout.root / "port", f"{port}\n".encode())
            write_server(self._home, server)
            self._told = server

    def _hosts(self) -> frozenset[str]:
        asked = {one.host for one in self._grants.all() if is_host(one.host)}
        return frozenset({socket.gethostname().lower(), *addresses(), *LOCAL_HOSTS, *asked})

    def _files(self) -> tuple[Path, Path]:
        directory = self._layout.credentials
        return directory / files.CERTIFICATE_FILE, directory / files.KEY_FILE

    def _renew(self) -> bool:
        """Have a CA and a certificate that are right; whether the certificate is another one now."""
        wanted = Wanted({CA: Issuer(CA, CA)}, {NAME: Issued(NAME, CA, NAME, self._hosts())})
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


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


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
