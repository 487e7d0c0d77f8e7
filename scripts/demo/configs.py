"""The configuration of the two routers, west and east."""

from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Ports:
    """Where everything listens: AMQP clients of each router, the mesh, users of the service, the server."""

    west: int
    east: int
    mesh: int
    service: int
    server: int


def west(directory: Path, ports: Ports) -> str:
    """Listens for the other router and for users of the service."""
    return f"""\
{_common("west", directory, ports.west)}
listener {{
    name: routers
    host: {HOST}
    port: {ports.mesh}
    role: inter-router
    sslProfile: mesh
    requireSsl: yes
    authenticatePeer: yes
    saslMechanisms: EXTERNAL
}}
tcpListener {{
    name: web
    host: {HOST}
    port: {ports.service}
    address: web
}}
"""


def east(directory: Path, ports: Ports) -> str:
    """Calls the other router, and reaches the server."""
    return f"""\
{_common("east", directory, ports.east)}
connector {{
    name: to-west
    host: {HOST}
    port: {ports.mesh}
    role: inter-router
    sslProfile: mesh
    saslMechanisms: EXTERNAL
}}
tcpConnector {{
    name: web
    host: {HOST}
    port: {ports.server}
    address: web
}}
"""


def _common(router: str, directory: Path, clients: int) -> str:
    return f"""\
router {{
    mode: interior
    id: {router}
}}
log {{
    module: DEFAULT
    enable: info+
    outputFile: {directory}/{router}.log
}}
sslProfile {{
    name: mesh
    caCertFile: {directory}/ca.crt
    certFile: {directory}/{router}.crt
    privateKeyFile: {directory}/{router}.key
}}
listener {{
    name: clients
    host: {HOST}
    port: {clients}
}}"""
