"""The connection options that skmanage and skstat share, and the settings they make."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from skrouter.mgmt.client.request import Transport
from skrouter.mgmt.client.settings import ConnectionSettings, TlsSettings, UrlError, parse_url

ReadFile = Callable[[str], str]


class Connection(Transport, Protocol):
    """A transport that can be closed."""

    def rest(self, seconds: float) -> None:
        """Keep the connection alive for so long, or until it is lost."""

    def close(self) -> None:
        """End the connection in an orderly way."""


Connect = Callable[[ConnectionSettings], Connection]
"""Opens a connection; raises an error whose class name and text the program prints."""


class _ShowVersion(argparse.Action):
    """Looks the version up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        """Print the version and end with status 0."""
        from importlib.metadata import version  # noqa: PLC0415 — slow to import, and seldom wanted

        print(version("skrouter"))
        parser.exit()


def add_general_options(group: argparse._ArgumentGroup) -> None:
    """`-h`, `--version` and `-v`."""
    group.add_argument("-h", "--help", action="help", help="show this help message and exit")
    group.add_argument(
        "--version", action=_ShowVersion, nargs=0, help="show program's version number and exit"
    )
    group.add_argument("-v", "--verbose", action="store_true", help="Show maximum detail")


def add_target_options(group: Any) -> None:
    """`-r` and `-d`, which name another router than the one connected to."""
    group.add_argument("-r", "--router", metavar="ROUTER-ID", help="Router to be queried")
    group.add_argument("-d", "--edge-router", metavar="EDGE-ROUTER-ID", help="Edge Router to be queried")


def add_connection_options(parser: argparse.ArgumentParser) -> None:
    """The group "Connection Options"."""
    group = parser.add_argument_group("Connection Options")
    group.add_argument(
        "-b",
        "--bus",
        metavar="URL",
        default="0.0.0.0",
        help="URL of the messaging bus to connect to default %(default)s",
    )
    group.add_argument(
        "-t",
        "--timeout",
        metavar="SECS",
        type=float,
        default=5,
        help="Maximum time to wait for connection in seconds default %(default)s",
    )
    group.add_argument("--ssl-certificate", metavar="CERT", help="Client SSL certificate (PEM Format)")
    group.add_argument("--ssl-key", metavar="KEY", help="Client SSL private key (PEM Format)")
    group.add_argument(
        "--ssl-trustfile",
        metavar="TRUSTED-CA-DB",
        help="Trusted Certificate Authority Database file (PEM Format)",
    )
    group.add_argument(
        "--ssl-password",
        metavar="PASSWORD",
        help="Certificate password, will be prompted if not specified.",
    )
    group.add_argument(
        "--ssl-password-file",
        metavar="SSL-PASSWORD-FILE",
        help="Certificate password, will be prompted if not specified.",
    )
    _add_sasl_options(group)
    group.add_argument(
        "--ssl-disable-peer-name-verify",
        action="store_true",
        help="Disables SSL peer name verification. WARNING - This option is insecure and must not be used in "
        "production environments",
    )


def _add_sasl_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--sasl-mechanisms",
        metavar="SASL-MECHANISMS",
        help="Allowed sasl mechanisms to be supplied during the sasl handshake.",
    )
    group.add_argument(
        "--sasl-username", metavar="SASL-USERNAME", help="User name for SASL plain authentication"
    )
    group.add_argument(
        "--sasl-password", metavar="SASL-PASSWORD", help="Password for SASL plain authentication"
    )
    group.add_argument(
        "--sasl-password-file", metavar="SASL-PASSWORD-FILE", help="Password for SASL plain authentication"
    )


def read_password(path: str) -> str:
    """The first line of a password file."""
    return Path(path).read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")


def connection_settings(
    options: argparse.Namespace, read_file: ReadFile = read_password
) -> ConnectionSettings:
    """The settings in parsed options; UrlError for a bad URL, OSError for an unreadable password file."""
    files = (options.ssl_certificate, options.ssl_key, options.ssl_trustfile)
    endpoint = parse_url(options.bus, tls=any(file is not None for file in files))
    if not options.timeout > 0:
        raise UrlError(f"Invalid timeout {options.timeout:g}: give a number of seconds above 0")
    return ConnectionSettings(
        endpoint=endpoint,
        timeout=options.timeout,
        tls=_tls_settings(options, read_file) if endpoint.scheme == "amqps" else None,
        mechanisms=None
        if options.sasl_mechanisms is None
        else tuple(options.sasl_mechanisms.replace(",", " ").split()),
        username=options.sasl_username or endpoint.username,
        password=_password(options.sasl_password, options.sasl_password_file, read_file) or endpoint.password,
    )


def _tls_settings(options: argparse.Namespace, read_file: ReadFile) -> TlsSettings:
    return TlsSettings(
        certificate=options.ssl_certificate,
        key=options.ssl_key,
        trust_file=options.ssl_trustfile,
        password=_password(options.ssl_password, options.ssl_password_file, read_file),
        verify_host=not options.ssl_disable_peer_name_verify,
    )


def _password(given: str | None, path: str | None, read_file: ReadFile) -> str | None:
    return read_file(path) if given is None and path is not None else given
