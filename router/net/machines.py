"""SASL machines from configuration: what a listener asks for, what a connector can prove."""

from __future__ import annotations

from skrouter.amqp.events import TlsFacts
from skrouter.amqp.sasl.client import Client, ClientConfig
from skrouter.amqp.sasl.mechanisms import external
from skrouter.amqp.sasl.server import Server, ServerConfig
from skrouter.config.model import ConnectorConfig
from skrouter.router.net.errors import NetworkConfigurationError
from skrouter.router.net.handshake import Credentials
from skrouter.router.net.listeners import Listener
from skrouter.router.net.tls import TlsProfiles


class Machines:
    """Makes the machine for a connection whose stream is ready. NetworkConfigurationError if it cannot."""

    def __init__(self, tls: TlsProfiles, host_name: str) -> None:
        self._tls = tls
        self._host_name = host_name

    def server(self, listener: Listener, facts: TlsFacts | None, now: float) -> Server:
        """For a peer of this listener; `facts` of its TLS session, from which EXTERNAL takes the user."""
        profile, user = listener.config.ssl_profile, None
        if profile is not None and facts is not None and external.NAME in listener.mechanisms:
            user = self._tls.user_id(profile, facts)
        authenticate = listener.config.authenticate_peer
        return Server(ServerConfig(listener.mechanisms, authenticate, user, self._host_name), now)

    def client(self, config: ConnectorConfig, now: float) -> Client:
        """For a connection of this connector."""
        return Client(self.client_config(config), now)

    def credentials(self, config: ConnectorConfig, server: str) -> Credentials:
        """What Cyrus is told for a connection to the host `server`."""
        known = self.client_config(config)
        return Credentials(server, known.username or "", known.password or "")

    def client_config(self, config: ConnectorConfig) -> ClientConfig:
        """The connector's attributes, its password resolved."""
        mechanisms = tuple(config.sasl_mechanisms.split()) if config.sasl_mechanisms else None
        password = config.sasl_password
        if password is not None:
            password = self._tls.password(password, f"connector '{config.name}' saslPassword")
        profile = self._tls.profile(config.ssl_profile) if config.ssl_profile is not None else None
        has_certificate = profile is not None and profile.cert_file is not None
        try:
            return ClientConfig(mechanisms, config.sasl_username, password, has_certificate, self._host_name)
        except ValueError as error:
            raise NetworkConfigurationError(f"connector '{config.name}': {error}") from error
