"""What a listener answers to which request: pure (spec/router-config.md §6, HTTP listener)."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from skrouter.router.net.http import files, upgrade
from skrouter.router.net.http.messages import Request, Response, text_response


@dataclass(frozen=True, slots=True)
class Site:
    """What one listener offers. `root`: directory of static files."""

    healthz: bool
    metrics: bool
    websockets: bool
    root: str | None


@dataclass(frozen=True, slots=True)
class Upgrade:
    """Become a WebSocket, with these headers."""

    headers: upgrade.Headers


@dataclass(frozen=True, slots=True)
class Health:
    """Ask the router whether it works."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """Tell the router's metrics; `accept`: the formats that the peer takes."""

    accept: str


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file below the root."""

    parts: tuple[str, ...]


Action = Upgrade | Health | Metrics | StaticFile | Response


def route(request: Request, site: Site, *, trusted: bool) -> Action:
    """Decide. Peers that are not `trusted` may only begin AMQP, which authenticates them itself."""
    if upgrade.is_upgrade(request):
        if not site.websockets:
            return text_response(403, "AMQP over WebSocket is off on this listener.")
        headers = upgrade.accept(request)
        return headers if isinstance(headers, Response) else Upgrade(headers)
    if not trusted:
        return text_response(403, "This listener asks for a client certificate; use https.")
    path = _path(request.target)
    if path is None:
        return text_response(400, "The request names no path.")
    action = _found(path, request, site)
    if action is None:
        return text_response(404)
    if request.method not in ("GET", "HEAD"):
        return text_response(405, "", ("Allow", "GET, HEAD"))
    return action


def _path(target: str) -> str | None:
    try:
        path = target.partition("?")[0] if target.startswith("/") else urlsplit(target).path
    except ValueError:
        return None
    return path if path.startswith("/") else None


def _found(path: str, request: Request, site: Site) -> Action | None:
    if path == "/healthz" and site.healthz:
        return Health()
    if path == "/metrics" and site.metrics:
        return Metrics(", ".join(request.values("accept")))
    parts = files.parts_of(path) if site.root is not None else None
    return StaticFile(parts) if parts is not None else None
