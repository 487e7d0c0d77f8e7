"""How to reach a router: the address, and what the connection shall prove and trust. Pure values."""

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

DEFAULT_HOST = "0.0.0.0"
PORTS = {"amqp": 5672, "amqps": 5671}
"""Port numbers of the schemes, and the service names that may stand for them."""


class UrlError(ValueError):
    """A URL that names no router; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a router listens. `path` is the management address if the URL has one."""

    scheme: str
    host: str
    port: int
    path: str | None = None
    username: str | None = None
    password: str | None = None

    def __str__(self) -> str:
        """The URL without path and without the password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """Files in PEM; without `trust_file` the system's authorities are trusted."""

    certificate: str | None = None
    key: str | None = None
    trust_file: str | None = None
    password: str | None = None
    verify_host: bool = True


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """Everything that a client's connection needs; `timeout` in seconds for each step."""

    endpoint: Endpoint
    timeout: float = 5.0
    tls: TlsSettings | None = None
    mechanisms: tuple[str, ...] | None = None
    username: str | None = None
    password: str | None = None


def parse_url(url: str, *, tls: bool = False) -> Endpoint:
    """`[scheme://][user[:password]@][host][:port][/path]`; `tls` makes amqps of a URL without scheme."""
    scheme = "amqps" if tls else "amqp"
    try:
        parts = urlsplit(url if "://" in url else f"{scheme}://{url}")
    except ValueError as error:
        raise UrlError(f"Invalid URL '{url}': {error}") from error
    if parts.scheme not in PORTS:
        raise UrlError(f"Invalid URL '{url}': scheme must be amqp or amqps, not '{parts.scheme}'")
    return Endpoint(
        scheme="amqps" if tls else parts.scheme,
        host=parts.hostname or DEFAULT_HOST,
        port=_port(url, parts.netloc, PORTS[parts.scheme]),
        path=parts.path.strip("/") or None,
        username=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
    )


def _port(url: str, authority: str, default: int) -> int:
    host, colon, text = authority.rpartition("@")[2].rpartition(":")
    if not colon or not text or text.endswith("]"):
        return default
    del host
    port = PORTS.get(text) or (int(text) if text.isascii() and text.isdigit() else 0)
    if not 0 < port < 65536:
        raise UrlError(f"Invalid URL '{url}': port must be 1..65535, amqp or amqps, not '{text}'")
    return port
