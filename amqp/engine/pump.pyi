"""Python face of AMQP connections."""

from skrouter.amqp.engine.poller import Engine
from skrouter.amqp.engine.tls_context import TlsContext

class Connections:
    """Listeners and AMQP connections of one engine, by handle; KeyError for one that is gone."""

    def __init__(self, engine: Engine) -> None: ...
    def exists(self, handle: int) -> bool: ...
    def listen(self, fd: int, tls: TlsContext | None = None, tls_optional: bool = False) -> int: ...
    def stop_listening(self, handle: int) -> None: ...
    def renew_tls(self, handle: int, tls: TlsContext) -> None: ...
    def connect(
        self, fd: int, tls: TlsContext | None = None, host: str | None = None, verify_host: bool = True
    ) -> int: ...
    def send_handshake(self, handle: int, data: bytes, tell: bool = False) -> None:
        """`tell`: HandshakeSent when nothing is left to be sent."""

    def finish_handshake(self, handle: int) -> None:
        """End the connection when what waits is sent and the peer has had time to read it."""

    def start_websocket(self, handle: int, response: bytes, rest: bytes) -> None:
        """Send the response to the upgrade; from then on HandshakeReceived has the payload of frames."""

    def start_tls(
        self, handle: int, tls: TlsContext, host: str | None = None, verify_host: bool = True
    ) -> None:
        """Begin TLS on an outgoing connection in the clear; StreamReady follows once more."""

    def start_amqp(
        self,
        handle: int,
        data: bytes,
        max_frame_size: int,
        channel_max: int,
        idle_timeout: int,
        session_window: int,
        container: str,
    ) -> None:
        """`idle_timeout` in milliseconds, 0: none; `session_window` in frames."""

    def limit(self, handle: int, max_frame_size: int, sessions: int, session_window: int) -> None: ...
    def open(
        self, handle: int, hostname: str | None, offered: bytes, desired: bytes, properties: bytes
    ) -> None:
        """Send our open; ValueError if it has been sent, or if a value is no AMQP."""

    def close(self, handle: int, condition: str = "", description: str = "") -> None: ...
    def drop(self, handle: int, condition: str = "", description: str = "") -> None: ...
    def shutdown(self) -> None: ...
    def trace(self, handle: int, number: int) -> None:
        """Trace frames under this number; 0: no more."""

    def take_traced(self, limit: int) -> tuple[list[tuple[int, bool, int, bytes]], int]:
        """Up to `limit` frames (number, outgoing, size, first octets), and how many found no room."""

    def facts(self, handle: int) -> tuple[int, int, float, float | None]:
        """Octets in, octets out, seconds since it began, seconds since the last delivery (None: none yet)."""
