"""A small binding of Cyrus SASL (libsasl2): password checks, and SCRAM or GSSAPI for either side.

Belongs here: calls into libsasl2. Does not: frames and states (sasl/), which users exist (Cyrus' own files).

The library is loaded when a `Cyrus` is made, and can be initialized once in a process: its configuration
directory and name are process-wide. No security layer is negotiated (max_ssf 0): TLS protects the octets.
Calls may block on what Cyrus asks (files, saslauthd, Kerberos): run them on a thread; ctypes frees the GIL.
"""

import ctypes
from collections.abc import Callable
from ctypes import POINTER, Structure, byref, c_char_p, c_int, c_uint, c_ulong, c_void_p
from typing import Any, Final

from skrouter.amqp.sasl.mechanisms.relay import RelayAnswer, RelayContinued, RelayFailed, RelaySucceeded

__all__ = ["ClientRelay", "Cyrus", "CyrusError", "ServerRelay"]

LIBRARY: Final = "libsasl2.so.2"
SERVICE: Final = b"amqp"

_OK: Final = 0
_CONTINUE: Final = 1
_BADPARAM: Final = -7
# bad password, unknown user, disabled, expired, no verifier for the user
_NOT_BELIEVED: Final = frozenset({-13, -20, -19, -18, -26})

_CB_LIST_END: Final = 0
_CB_USER: Final = 0x4001
_CB_AUTHNAME: Final = 0x4002
_CB_PASS: Final = 0x4004
_PATH_CONFIG: Final = 1
_PROP_USERNAME: Final = 0
_PROP_SECURITY: Final = 101
_SERVER_FLAGS: Final = 0


class CyrusError(Exception):
    """libsasl2 is missing, configured otherwise already, or fails for a reason that is not the peer's."""


class _Callback(Structure):
    _fields_ = [("id", c_ulong), ("procedure", c_void_p), ("context", c_void_p)]


class _Security(Structure):
    _fields_ = [
        ("min_ssf", c_uint),
        ("max_ssf", c_uint),
        ("max_buffer", c_uint),
        ("flags", c_uint),
        ("names", c_void_p),
        ("values", c_void_p),
    ]


_GET_TEXT = ctypes.CFUNCTYPE(c_int, c_void_p, c_int, POINTER(c_char_p), POINTER(c_uint))
_GET_SECRET = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, POINTER(c_void_p))

_initialized: tuple[str, str | None] | None = None
_kept_name = b""
"""libsasl2 keeps the pointer of the name it was given, for the life of the process."""
"""Name and directory the process' libsasl2 was initialized with."""


class Cyrus:
    """libsasl2, ready for use.

    `app_name` is saslConfigName (Cyrus reads `<app_name>.conf`), `config_dir` saslConfigDir (None: default).
    """

    def __init__(self, app_name: str = "skrouterd", config_dir: str | None = None) -> None:
        try:
            self._lib = ctypes.CDLL(LIBRARY)
        except OSError as error:
            raise CyrusError(f"{LIBRARY} cannot be loaded, install Cyrus SASL: {error}") from error
        _declare(self._lib)
        self._initialize(app_name, config_dir)

    def _initialize(self, app_name: str, config_dir: str | None) -> None:
        global _initialized, _kept_name  # noqa: PLW0603  (the library's state is the process' too)
        if _initialized == (app_name, config_dir):
            return
        if _initialized is not None:
            raise CyrusError(
                f"Cyrus SASL already uses {_initialized}, it cannot change to {(app_name, config_dir)}"
            )
        if config_dir is not None:
            self._check(self._lib.sasl_set_path(_PATH_CONFIG, config_dir.encode()), "sasl_set_path")
        _kept_name = app_name.encode()
        self._check(self._lib.sasl_server_init(None, _kept_name), "sasl_server_init")
        self._check(self._lib.sasl_client_init(None), "sasl_client_init")
        _initialized = (app_name, config_dir)

    def server_mechanisms(self, host_name: str = "") -> tuple[str, ...]:
        """Mechanisms Cyrus can serve as configured; never the -PLUS ones, which need the TLS channel."""
        connection = self._server(host_name, None)
        try:
            names, size, count = c_char_p(), c_uint(), c_int()
            code = self._lib.sasl_listmech(
                connection, None, b"", b" ", b"", byref(names), byref(size), byref(count)
            )
            self._check(code, "sasl_listmech", connection)
            found = (names.value or b"").decode().split()
            return tuple(name for name in found if not name.endswith("-PLUS"))
        finally:
            self._dispose(connection)

    def check_password(
        self, user: str, password: str, *, realm: str | None = None, host_name: str = ""
    ) -> bool:
        """Whether Cyrus knows the user by this password. CyrusError if it cannot tell."""
        connection = self._server(host_name, realm)
        try:
            name, secret = user.encode(), password.encode()
            code = self._lib.sasl_checkpass(connection, name, len(name), secret, len(secret))
            if code in _NOT_BELIEVED:
                return False
            self._check(code, "sasl_checkpass", connection)
            return True
        finally:
            self._dispose(connection)

    def server_relay(self, mechanism: str, *, host_name: str = "", realm: str | None = None) -> "ServerRelay":
        """The server side of one exchange; close it. With a realm, users are answered as `user@realm`."""
        return ServerRelay(self, self._server(host_name, realm), mechanism)

    def client_relay(self, mechanism: str, *, server: str, user: str, password: str) -> "ClientRelay":
        """The client side of one exchange with the host `server`; close it."""
        return ClientRelay(self, mechanism, server, user, password)

    # --- for the relays ---

    @property
    def library(self) -> ctypes.CDLL:
        """The loaded library."""
        return self._lib

    def _server(self, host_name: str, realm: str | None) -> c_void_p:
        connection = c_void_p()
        code = self._lib.sasl_server_new(
            SERVICE,
            _optional(host_name),
            _optional(realm),
            None,
            None,
            None,
            _SERVER_FLAGS,
            byref(connection),
        )
        self._check(code, "sasl_server_new")
        self.forbid_layers(connection)
        return connection

    def forbid_layers(self, connection: c_void_p) -> None:
        """No SASL encryption: proton and our streams would not undo it."""
        security = _Security(0, 0, 0, 0, None, None)
        self._check(
            self._lib.sasl_setprop(connection, _PROP_SECURITY, byref(security)), "sasl_setprop", connection
        )

    def user_of(self, connection: c_void_p) -> str:
        """Who was authenticated, with the realm if it is not the default one."""
        value = c_void_p()
        self._check(
            self._lib.sasl_getprop(connection, _PROP_USERNAME, byref(value)), "sasl_getprop", connection
        )
        return ctypes.string_at(value).decode() if value.value else ""

    def reason(self, code: int, connection: c_void_p | None = None) -> str:
        """What Cyrus says about a result code."""
        text = (
            self._lib.sasl_errdetail(connection) if connection else self._lib.sasl_errstring(code, None, None)
        )
        return (text or b"no reason given").decode(errors="replace")

    def _check(self, code: int, call: str, connection: c_void_p | None = None) -> None:
        if code != _OK:
            raise CyrusError(f"{call} failed with {code}: {self.reason(code, connection)}")

    def _dispose(self, connection: c_void_p) -> None:
        self._lib.sasl_dispose(byref(connection))


class _Relay:
    """What both sides share: a connection of Cyrus, its results, its end."""

    def __init__(self, cyrus: Cyrus, connection: c_void_p, mechanism: str) -> None:
        self._cyrus = cyrus
        self._connection = connection
        self._mechanism = mechanism

    def close(self) -> None:
        """Free what Cyrus holds; harmless if repeated."""
        if self._connection.value:
            self._cyrus.library.sasl_dispose(byref(self._connection))

    def _call(self, function: Callable[..., int], *arguments: Any) -> tuple[int, bytes | None]:
        if not self._connection.value:
            raise CyrusError(f"the {self._mechanism} exchange was closed already")
        out, size = c_void_p(), c_uint()
        code = function(self._connection, *arguments, byref(out), byref(size))
        return code, ctypes.string_at(out, size.value) if out.value else None

    def _failed(self, code: int) -> RelayFailed:
        return RelayFailed(self._cyrus.reason(code, self._connection))


class ServerRelay(_Relay):
    """One client's exchange."""

    def start(self, response: bytes | None) -> RelayAnswer:
        """Begin with the client's initial response, if it sent one."""
        size = 0 if response is None else len(response)
        start = self._cyrus.library.sasl_server_start
        return self._answer(*self._call(start, self._mechanism.encode(), response, size))

    def step(self, response: bytes) -> RelayAnswer:
        """Go on with the client's response to the last challenge."""
        return self._answer(*self._call(self._cyrus.library.sasl_server_step, response, len(response)))

    def _answer(self, code: int, out: bytes | None) -> RelayAnswer:
        if code == _CONTINUE:
            return RelayContinued(out or b"")
        if code == _OK:
            return RelaySucceeded(self._cyrus.user_of(self._connection), out)
        return self._failed(code)


class ClientRelay(_Relay):
    """Our exchange with one server."""

    def __init__(self, cyrus: Cyrus, mechanism: str, server: str, user: str, password: str) -> None:
        # The library keeps pointers into these for as long as the connection lives.
        self._user = ctypes.create_string_buffer(user.encode())
        self._secret = _secret(password.encode())
        self._procedures = (_GET_TEXT(self._give_user), _GET_SECRET(self._give_secret))
        self._callbacks = _callback_table(*self._procedures)
        connection = c_void_p()
        code = cyrus.library.sasl_client_new(
            SERVICE, server.encode(), None, None, self._callbacks, 0, byref(connection)
        )
        if code != _OK:
            raise CyrusError(f"sasl_client_new failed with {code}: {cyrus.reason(code)}")
        cyrus.forbid_layers(connection)
        super().__init__(cyrus, connection, mechanism)

    def start(self) -> RelayAnswer:
        """Begin; the answer holds the initial response."""
        chosen = c_char_p()
        out, size = c_void_p(), c_uint()
        code = self._cyrus.library.sasl_client_start(
            self._connection, self._mechanism.encode(), None, byref(out), byref(size), byref(chosen)
        )
        return self._answer(code, ctypes.string_at(out, size.value) if out.value else None)

    def step(self, challenge: bytes) -> RelayAnswer:
        """Go on with the server's challenge, or with what came with its outcome."""
        return self._answer(
            *self._call(self._cyrus.library.sasl_client_step, challenge, len(challenge), None)
        )

    def _answer(self, code: int, out: bytes | None) -> RelayAnswer:
        if code == _CONTINUE:
            return RelayContinued(out)
        if code == _OK:
            return RelaySucceeded(None, out)
        return self._failed(code)

    def _give_user(self, _context: object, _what: int, result: Any, size: Any) -> int:
        result[0] = ctypes.cast(self._user, c_char_p)
        if size:
            size[0] = len(self._user.value)
        return _OK

    def _give_secret(self, _connection: object, _context: object, _what: int, secret: Any) -> int:
        if not secret:
            return _BADPARAM
        secret[0] = ctypes.addressof(self._secret)
        return _OK


def _secret(password: bytes) -> Structure:
    class Secret(Structure):
        _fields_ = [("size", c_ulong), ("data", ctypes.c_char * (len(password) + 1))]

    return Secret(len(password), password)


def _callback_table(give_text: object, give_secret: object) -> ctypes.Array[_Callback]:
    text, secret = (ctypes.cast(procedure, c_void_p) for procedure in (give_text, give_secret))  # type: ignore[arg-type]
    return (_Callback * 4)(
        _Callback(_CB_USER, text, None),
        _Callback(_CB_AUTHNAME, text, None),
        _Callback(_CB_PASS, secret, None),
        _Callback(_CB_LIST_END, None, None),
    )


def _optional(text: str | None) -> bytes | None:
    return text.encode() if text else None


def _declare(lib: ctypes.CDLL) -> None:
    """Argument types of the functions used: without them, pointers are cut to 32 bits."""
    text, pointer, size = c_char_p, c_void_p, c_uint
    out = (POINTER(c_void_p), POINTER(c_uint))
    signatures: dict[str, tuple[Any, ...]] = {
        "sasl_set_path": (c_int, text),
        "sasl_server_init": (pointer, text),
        "sasl_client_init": (pointer,),
        "sasl_server_new": (text, text, text, text, text, pointer, size, POINTER(c_void_p)),
        "sasl_client_new": (text, text, text, text, pointer, size, POINTER(c_void_p)),
        "sasl_listmech": (
            pointer,
            text,
            text,
            text,
            text,
            POINTER(c_char_p),
            POINTER(c_uint),
            POINTER(c_int),
        ),
        "sasl_checkpass": (pointer, text, size, text, size),
        "sasl_setprop": (pointer, c_int, pointer),
        "sasl_getprop": (pointer, c_int, POINTER(c_void_p)),
        "sasl_server_start": (pointer, text, text, size, *out),
        "sasl_server_step": (pointer, text, size, *out),
        "sasl_client_start": (pointer, text, pointer, *out, POINTER(c_char_p)),
        "sasl_client_step": (pointer, text, size, pointer, *out),
    }
    for name, arguments in signatures.items():
        function = getattr(lib, name)
        function.argtypes, function.restype = arguments, c_int
    lib.sasl_dispose.argtypes, lib.sasl_dispose.restype = (POINTER(c_void_p),), None
    lib.sasl_errdetail.argtypes, lib.sasl_errdetail.restype = (pointer,), c_char_p
    lib.sasl_errstring.argtypes, lib.sasl_errstring.restype = (c_int, text, POINTER(c_char_p)), c_char_p
