"""sslProfiles put to use: TLS contexts of either side, and the names of certificates."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from skrouter.amqp.engine.tls_context import TlsConfigurationError, TlsContext
from skrouter.amqp.events import TlsFacts
from skrouter.config.model import SslProfileConfig
from skrouter.config.passwords import PasswordError, resolve_password
from skrouter.router.net import uid
from skrouter.router.net.errors import NetworkConfigurationError


def read_text(path: str) -> str:
    """The content of a file, UTF-8."""
    return Path(path).read_text(encoding="utf-8")


class TlsProfiles:
    """All sslProfiles by name. A context is made when first asked for, and kept until its profile changes.

    What is wrong with a profile is a NetworkConfigurationError whose text names the file.
    `warn(text)` is called once for each password in plain text.
    """

    def __init__(
        self,
        profiles: Iterable[SslProfileConfig] = (),
        *,
        environment: Mapping[str, str] | None = None,
        read_file: Callable[[str], str] = read_text,
        warn: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._profiles = {str(profile.name): profile for profile in profiles}
        self._environment = os.environ if environment is None else environment
        self._read_file = read_file
        self._warn = warn
        self._warned: set[str] = set()
        self._contexts: dict[tuple[str, bool, bool, tuple[bytes, ...]], TlsContext] = {}
        self._names: dict[str, dict[str, str]] = {}

    def profile(self, name: str) -> SslProfileConfig:
        """The profile of this name."""
        if name not in self._profiles:
            raise NetworkConfigurationError(f"sslProfile '{name}' not found")
        return self._profiles[name]

    def ordinal(self, name: str | None) -> int | None:
        """How new the certificates of the profile are; None without a profile."""
        return None if name is None else self.profile(name).ordinal

    def put(self, profile: SslProfileConfig) -> None:
        """Add a profile, or replace one and read its files again when they are next needed."""
        self._profiles[str(profile.name)] = profile
        self.reload(str(profile.name))

    def replace(self, profile: SslProfileConfig) -> None:
        """Put a changed profile to use: its files are read for every context that there is.

        NetworkConfigurationError if one cannot be made; then the old profile and its contexts stay.
        """
        name = str(profile.name)
        old, contexts, names = self._profiles[name], self._contexts, self._names.get(name)
        self.put(profile)
        try:
            for key, server, require_peer, alpn in contexts:
                if key == name:
                    self._context(name, server=server, require_peer=require_peer, alpn=alpn)
        except NetworkConfigurationError:
            self._profiles[name], self._contexts = old, contexts
            if names is not None:
                self._names[name] = names
            raise

    def remove(self, name: str) -> None:
        """Forget a profile; sessions and listeners that use it live on."""
        del self._profiles[name]
        self.reload(name)

    def reload(self, name: str) -> None:
        """Forget what was read for this profile."""
        self._contexts = {key: context for key, context in self._contexts.items() if key[0] != name}
        self._names.pop(name, None)

    def server(self, name: str, *, require_peer: bool, alpn: tuple[bytes, ...] = ()) -> TlsContext:
        """The context for listeners; `require_peer`: only peers with a certificate of our CA; `alpn`:
        protocols offered.
        """
        return self._context(name, server=True, require_peer=require_peer, alpn=alpn)

    def client(self, name: str) -> TlsContext:
        """The context for connectors; the server is always verified."""
        return self._context(name, server=False, require_peer=False)

    def _context(
        self, name: str, *, server: bool, require_peer: bool, alpn: tuple[bytes, ...] = ()
    ) -> TlsContext:
        key = (name, server, require_peer, alpn)
        if key not in self._contexts:
            self._contexts[key] = self._make(self.profile(name), server, require_peer, alpn)
        return self._contexts[key]

    def _make(
        self, profile: SslProfileConfig, server: bool, require_peer: bool, alpn: tuple[bytes, ...]
    ) -> TlsContext:
        try:
            return TlsContext(
                profile.ca_cert_file,
                profile.cert_file,
                profile.private_key_file,
                self._password(profile),
                profile.ciphers,
                profile.protocols,
                server=server,
                require_peer_certificate=require_peer,
                alpn=list(alpn) or None,
            )
        except TlsConfigurationError as error:
            raise NetworkConfigurationError(f"sslProfile '{profile.name}': {error}") from error

    def _password(self, profile: SslProfileConfig) -> str | None:
        if profile.password is None:
            return None
        return self.password(profile.password, f"sslProfile '{profile.name}' password", literal_allowed=True)

    def password(self, written: str, place: str, *, literal_allowed: bool = False) -> str:
        """A password attribute, resolved; `place` names it in errors and warnings."""
        try:
            password = resolve_password(
                written, self._environment, self._read_file, literal_allowed=literal_allowed
            )
        except PasswordError as error:
            raise NetworkConfigurationError(f"{place}: {error}") from error
        if password.is_plain and place not in self._warned:
            self._warned.add(place)
            self._warn(f"{place} is written in plain text; use env:NAME or file:PATH")
        return password.text

    def user_id(self, name: str, facts: TlsFacts) -> str | None:
        """Who the peer's certificate names, by the profile's uidFormat; None if it showed none.

        A NetworkConfigurationError if the mapping file cannot be used or the certificate not be read.
        """
        profile = self.profile(name)
        try:
            return uid.user_id(
                profile.uid_format, facts.subject, facts.certificate, self._display_names(profile)
            )
        except NetworkConfigurationError:
            raise
        except ValueError as error:
            raise NetworkConfigurationError(f"sslProfile '{name}': {error}") from error

    def check_display_names(self, name: str) -> None:
        """NetworkConfigurationError if the profile's mapping file cannot be used."""
        try:
            self._display_names(self.profile(name))
        except NetworkConfigurationError:
            raise
        except ValueError as error:
            raise NetworkConfigurationError(f"sslProfile '{name}': {error}") from error

    def _display_names(self, profile: SslProfileConfig) -> dict[str, str]:
        name, path = str(profile.name), profile.uid_name_mapping_file
        if path is None:
            return {}
        if name not in self._names:
            try:
                self._names[name] = uid.parse_names(self._read_file(path))
            except (OSError, UnicodeDecodeError) as error:
                reason = getattr(error, "strerror", None) or error
                raise NetworkConfigurationError(
                    f"sslProfile '{name}': cannot read uidNameMappingFile {path}: {reason}"
                ) from error
        return self._names[name]
