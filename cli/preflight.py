"""What a configuration asks of this machine, tried before the start: certificates, passwords, log files.

What can be seen in the configuration alone is found by `skrouter.config`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

from skrouter.config.entity import Entity
from skrouter.config.errors import ConfigError, Problem
from skrouter.config.model import Configuration, ConnectorConfig, ListenerConfig, LogConfig
from skrouter.config.rules.context import about
from skrouter.router.net.errors import NetworkConfigurationError
from skrouter.router.net.listeners import requires_certificate
from skrouter.router.net.machines import Machines
from skrouter.router.net.proxies import Proxies
from skrouter.router.net.tls import TlsProfiles

_ATTRIBUTE: Final = re.compile(
    r"\b(caCertFile|certFile|privateKeyFile|ciphers|protocols|password|saslPassword|uidNameMappingFile)\b"
)
_STREAMS: Final = ("stderr", "stdout", "syslog")
_REMEDY: Final = "mend it, or what it names"


def preflight(config: Configuration, path: str) -> None:
    """ConfigError with every problem, each at its place in the file."""
    found = list(dict.fromkeys(_problems(config)))
    if found:
        raise ConfigError(found, f"Cannot load configuration file {path}")


def _problems(config: Configuration) -> Iterator[Problem]:
    tls = TlsProfiles(config.ssl_profiles.values(), warn=lambda _: None)
    for log in config.logs:
        yield from _log(log)
    for listener in config.listeners:
        yield from _listener(config, tls, listener)
    for connector in config.connectors:
        yield from _connector(config, tls, connector)
    yield from _services(config, tls)


def _listener(config: Configuration, tls: TlsProfiles, listener: ListenerConfig) -> Iterator[Problem]:
    name = listener.ssl_profile
    if name is None:
        return
    profile = config.ssl_profiles[name]
    require_peer = requires_certificate(listener, has_ca=profile.ca_cert_file is not None)
    yield from _tried(profile.entity, lambda: tls.server(name, require_peer=require_peer))
    if profile.uid_name_mapping_file is not None:
        yield from _tried(profile.entity, lambda: tls.check_display_names(name))


def _connector(config: Configuration, tls: TlsProfiles, connector: ConnectorConfig) -> Iterator[Problem]:
    name, proxy = connector.ssl_profile, connector.proxy_profile
    if name is not None:
        yield from _tried(config.ssl_profiles[name].entity, lambda: tls.client(name))
    yield from _tried(connector.entity, lambda: Machines(tls, "").client_config(connector))
    if proxy is not None:
        entity = config.proxy_profiles[proxy].entity
        yield from _tried(entity, lambda: Proxies(lambda: config.proxy_profiles, tls).check(proxy))


def _services(config: Configuration, tls: TlsProfiles) -> Iterator[Problem]:
    for listener in config.tcp_listeners:
        if (name := listener.ssl_profile) is not None:
            server = partial(tls.server, name, require_peer=listener.authenticate_peer)
            yield from _tried(config.ssl_profiles[name].entity, server)
    for connector in config.tcp_connectors:
        if (name := connector.ssl_profile) is not None:
            yield from _tried(config.ssl_profiles[name].entity, partial(tls.client, name))


def _tried(entity: Entity, attempt: Callable[[], object]) -> Iterator[Problem]:
    try:
        attempt()
    except NetworkConfigurationError as error:
        text = str(error)
        named = _ATTRIBUTE.search(text)
        yield about(entity, named and named[1], text, _REMEDY, "Configuration")


def _log(config: LogConfig) -> Iterator[Problem]:
    """A file that is not there yet is made by the router, not here."""
    name = config.output_file
    if name is None or name in _STREAMS:
        return
    path = Path(name)
    usable = path if path.exists() else path.parent
    reason = None
    if path.is_dir():
        reason = "Is a directory"
    elif not usable.exists():
        reason = "No such file or directory"
    elif not os.access(usable, os.W_OK):
        reason = "Permission denied"
    if reason is not None:
        text = f"Failed to open log file '{name}': {reason}"
        yield about(config.entity, "outputFile", text, "name a file that can be written", "Configuration")
