"""What can be wrong with a listener, connector or sslProfile when it is put to use."""


class NetworkConfigurationError(ValueError):
    """A listener, connector or sslProfile that cannot work as configured; `str()` is for the user."""


class ListenError(OSError):
    """A listener could not open its sockets; `host_port` as configured, `reason` says why."""

    def __init__(self, host_port: str, reason: str) -> None:
        super().__init__(f"required listener failed {host_port}: {reason}")
        self.host_port = host_port
        self.reason = reason
