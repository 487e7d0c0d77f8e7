"""Users for tests of SASL, in a database that libsasl2 makes itself.

A process can initialize Cyrus only once, so tests share one database (fixture `sasl_users`).
"""

import ctypes
from dataclasses import dataclass
from pathlib import Path

from skrouter.amqp.cyrus import Cyrus

CONFIG_NAME = "skrouter-test"
HOST = "router.example"
USER, PASSWORD = "bob", "a password ☃"
"""A user of the realm HOST."""

LOCAL_USER, LOCAL_PASSWORD = "ann", "a secret"
"""A user of the default realm."""

_CREATE = 0x01


@dataclass(frozen=True, slots=True)
class SaslUsers:
    """Cyrus, configured by `CONFIG_NAME`.conf in `directory`."""

    cyrus: Cyrus
    directory: Path


def make_users(directory: Path) -> SaslUsers:
    """A configuration and a database in `directory`."""
    (directory / f"{CONFIG_NAME}.conf").write_text(
        "pwcheck_method: auxprop\n"
        "auxprop_plugin: sasldb\n"
        f"sasldb_path: {directory / 'users.sasldb'}\n"
        "mech_list: ANONYMOUS PLAIN EXTERNAL SCRAM-SHA-1 SCRAM-SHA-256\n"
    )
    cyrus = Cyrus(CONFIG_NAME, str(directory))
    _add(cyrus, HOST, USER, PASSWORD)
    _add(cyrus, None, LOCAL_USER, LOCAL_PASSWORD)
    return SaslUsers(cyrus, directory)


def _add(cyrus: Cyrus, realm: str | None, user: str, password: str) -> None:
    """Put a user into the configured database, as the saslpasswd2 program does."""
    connection, lib = ctypes.c_void_p(), cyrus.library
    name = realm.encode() if realm is not None else None
    code = lib.sasl_server_new(b"amqp", name, name, None, None, None, 0, ctypes.byref(connection))
    assert code == 0, cyrus.reason(code, None)
    text, size = ctypes.c_char_p, ctypes.c_uint
    lib.sasl_setpass.argtypes = (ctypes.c_void_p, text, text, size, text, size, size)
    secret = password.encode()
    code = lib.sasl_setpass(connection, user.encode(), secret, len(secret), None, 0, _CREATE)
    assert code == 0, cyrus.reason(code, connection)
    lib.sasl_dispose(ctypes.byref(connection))
