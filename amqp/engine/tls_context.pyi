"""Python face of TLS contexts."""

from collections.abc import Sequence

class TlsConfigurationError(ValueError): ...

class TlsContext:
    """Certificates, trust and limits of an sslProfile in one role; raises TlsConfigurationError.

    Without `key_file` the key is taken from `cert_file`. `protocols` names TLSv1.2, TLSv1.3 or both, with
    spaces between; `ciphers` is an OpenSSL cipher string in which TLS_… names are TLS 1.3 suites.
    A client always verifies.
    """

    def __init__(
        self,
        ca_file: str | None = None,
        cert_file: str | None = None,
        key_file: str | None = None,
        password: str | None = None,
        ciphers: str | None = None,
        protocols: str | None = None,
        *,
        server: bool,
        require_peer_certificate: bool = False,
        request_peer_certificate: bool = False,
        alpn: Sequence[bytes] | None = None,
    ) -> None: ...
