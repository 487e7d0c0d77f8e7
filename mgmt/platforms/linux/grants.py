"""Grants as files: what is kept of each namespace's, and the place of the server that redeems them."""

from __future__ import annotations

import json
import secrets
import string
import uuid
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from skrouter.config.resources.documents import dump
from skrouter.config.resources.router_access import RouterAccess
from skrouter.config.resources.site import Site
from skrouter.mgmt.platforms.linux import files
from skrouter.mgmt.platforms.linux.layout import SECRET_MODE, GrantLayout, Layout
from skrouter.mgmt.platforms.linux.managers import is_locked
from skrouter.mgmt.platforms.linux.store import Store
from skrouter.mgmt.sites.changes import KeepGrant
from skrouter.mgmt.sites.facts import Grant, GrantServer
from skrouter.mgmt.sites.grants import NO_ISSUER, GrantError, documents, endpoints
from skrouter.mgmt.sites.kinds.router_access import EDGE_TEXT
from skrouter.mgmt.sites.platform import Authority, PlatformError
from skrouter.mgmt.sites.status import text_of_time

CODE_LENGTH = 24
_CODE_CHARACTERS = string.ascii_letters + string.digits


class GrantFiles:
    """The grants of one namespace: a file each, named by its identity. Writers take turns."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._turn = directory / ".turn"

    def all(self) -> dict[str, Grant]:
        """By name; what is broken counts as absent."""
        found = (_read(file) for file in files.entries(self._directory))
        return {one.name: one for one in found if one is not None}

    def find(self, uid: str) -> Grant | None:
        """The grant of this identity, whose form was checked by who asks."""
        return _read(self._file(uid))

    def keep(self, wanted: KeepGrant, now: float) -> None:
        """Have it kept; identity, end and uses of one that is there stay."""
        with files.turn(self._turn):
            known = self.all().get(wanted.name)
            if known is None:
                code = wanted.code or "".join(secrets.choice(_CODE_CHARACTERS) for _ in range(CODE_LENGTH))
                end = text_of_time(now + wanted.window)
                known = Grant(str(uuid.uuid4()), wanted.name, code, 0, 0, end, "")
            self._write(
                replace(
                    known,
                    code=wanted.code or known.code,
                    allowed=wanted.allowed,
                    issuer=wanted.issuer,
                    host=wanted.host,
                )
            )

    def remove(self, name: str) -> None:
        """Have none of this name."""
        with files.turn(self._turn):
            known = self.all().get(name)
            if known is not None:
                files.remove(self._file(known.uid))

    def spend(self, uid: str) -> bool:
        """Count one more use; False if there is none left."""
        with files.turn(self._turn):
            known = self.find(uid)
            if known is None or known.redemptions >= known.allowed:
                return False
            self._write(replace(known, redemptions=known.redemptions + 1))
            return True

    def _file(self, uid: str) -> Path:
        return self._directory / f"{uid}.json"

    def _write(self, grant: Grant) -> None:
        files.write(self._file(grant.uid), json.dumps(asdict(grant), indent=1).encode(), SECRET_MODE)


def _read(file: Path) -> Grant | None:
    content = files.read(file)
    if content is None:
        return None
    try:
        return Grant(**json.loads(content))
    except (ValueError, TypeError):
        return None


# --- all namespaces, for the server


class LocalGrants:
    """The grants of all namespaces below a data home, as `skrouter.mgmt.grants.redeem.Grants`."""

    def __init__(self, home: Path, authority: Authority, now: Callable[[], float]) -> None:
        self._home = home
        self._authority = authority
        self._now = now

    def all(self) -> list[Grant]:
        """Of all namespaces."""
        return [one for layout in self._layouts() for one in GrantFiles(layout.grants).all().values()]

    def find(self, uid: str) -> Grant | None:
        """The grant of this identity."""
        found = (GrantFiles(layout.grants).find(uid) for layout in self._layouts())
        return next((one for one in found if one is not None), None)

    def spend(self, grant: Grant) -> bool:
        """Count one more use, for good; False if there is none left."""
        layout = self._layout_of(grant)
        return layout is not None and GrantFiles(layout.grants).spend(grant.uid)

    def answer(self, grant: Grant, name: str, subject: str) -> str:
        """Secret and link for who redeems the grant; GrantError if the site has none to give."""
        layout = self._layout_of(grant)
        if layout is None:
            raise GrantError("Site not yet defined")
        store = Store(layout, self._authority)
        resources = store.effective()
        site = next((one for one in resources if isinstance(one, Site)), None)
        if site is None:
            raise GrantError(f"Site not yet defined for {layout.namespace}")
        if site.spec.edge:
            raise GrantError(EDGE_TEXT)
        server = read_server(self._home)
        host = grant.host or (server.host if server is not None else "")
        places = endpoints((one for one in resources if isinstance(one, RouterAccess)), host)
        try:
            issuer = store.issuer(grant.issuer)
            hosts = list(dict.fromkeys(one.host for one in places))
            pems = self._authority.issue(issuer, subject, hosts, self._now())
        except (PlatformError, ValueError) as error:
            raise GrantError(NO_ISSUER) from error
        return dump(documents(name, places, pems), status=False)

    def _layouts(self) -> list[Layout]:
        namespaces = files.entries(self._home / "namespaces")
        return [Layout(self._home, one.name) for one in namespaces if one.is_dir()]

    def _layout_of(self, grant: Grant) -> Layout | None:
        return next(
            (one for one in self._layouts() if GrantFiles(one.grants).find(grant.uid) is not None), None
        )


def read_server(home: Path) -> GrantServer | None:
    """The server of this data home, if it is there."""
    layout = GrantLayout(home)
    try:
        found = json.loads(files.read(layout.endpoint) or b"")
        server = GrantServer(str(found["host"]), int(found["port"]), str(found["ca"]), dict(found["grants"]))
    except (ValueError, TypeError, KeyError):
        return None
    return server if is_locked(layout.lock) else None


def write_server(home: Path, server: GrantServer) -> None:
    """Tell where the server is."""
    content = {"host": server.host, "port": server.port, "ca": server.ca, "grants": dict(server.grants)}
    files.write(GrantLayout(home).endpoint, json.dumps(content, indent=1).encode())
