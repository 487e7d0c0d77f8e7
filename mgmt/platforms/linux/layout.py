"""Where a namespace keeps its files (local-system.md §1): paths and modes, nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DIRECTORY_MODE = 0o755
PUBLIC_MODE = 0o644
SECRET_MODE = 0o600
"""Keys, tokens, and documents that hold either."""

INPUT_SUFFIXES = (".yaml", ".yml", ".json")
SECRET_KINDS = ("Secret", "AccessToken", "AccessGrant")


OUTPUT_VARIABLE = "SKUPPER_OUTPUT_PATH"
"""In a container: the data home by its name on the host, which is mounted at `OUTPUT`."""

OUTPUT = Path("/output")


def data_home(environment: Mapping[str, str], *, user_id: int) -> Path:
    """Where all namespaces are."""
    if environment.get(OUTPUT_VARIABLE):
        return OUTPUT
    if user_id == 0:
        return Path("/var/lib/skupper")
    base = environment.get("XDG_DATA_HOME") or str(Path(environment.get("HOME", "/")) / ".local/share")
    return Path(base) / "skupper"


def on_host(path: Path, environment: Mapping[str, str]) -> Path:
    """The name that a path below the data home has outside of the container that we may be in."""
    host = environment.get(OUTPUT_VARIABLE)
    return Path(host) / path.relative_to(OUTPUT) if host else path


@dataclass(frozen=True, slots=True)
class Layout:
    """The files of one namespace; `home` is the data home."""

    home: Path
    namespace: str = "default"

    @property
    def root(self) -> Path:
        """All of the namespace."""
        return self.home / "namespaces" / self.namespace

    @property
    def input_resources(self) -> Path:
        """What the user wants."""
        return self.root / "input/resources"

    @property
    def input_certificates(self) -> Path:
        """Certificates of the user."""
        return self.root / "input/certs"

    @property
    def input_issuers(self) -> Path:
        """CAs of the user."""
        return self.root / "input/issuers"

    @property
    def resources(self) -> Path:
        """What has effect, with statuses."""
        return self.root / "runtime/resources"

    @property
    def router_config(self) -> Path:
        """What the router starts from."""
        return self.root / "runtime/router/skrouterd.json"

    @property
    def certificates(self) -> Path:
        """Credentials of the router."""
        return self.root / "runtime/certs"

    @property
    def issuers(self) -> Path:
        """CAs in use."""
        return self.root / "runtime/issuers"

    @property
    def links(self) -> Path:
        """Links for other sites."""
        return self.root / "runtime/links"

    @property
    def internal(self) -> Path:
        """What only we read."""
        return self.root / "internal"

    @property
    def has_run(self) -> Path:
        """There as soon as the router has answered once."""
        return self.internal / "has-run"

    @property
    def snapshot(self) -> Path:
        """The input as it was loaded last by a command."""
        return self.internal / "snapshot"

    @property
    def backup(self) -> Path:
        """The snapshot before the last one."""
        return self.root / "sources.backup.tar.gz"

    @property
    def platform_file(self) -> Path:
        """Which platform runs this namespace."""
        return self.internal / "platform.yaml"

    @property
    def scripts(self) -> Path:
        """What starts and stops containers with the machine."""
        return self.internal / "scripts"

    @property
    def revisions(self) -> Path:
        """Which contents of credentials the router knows."""
        return self.internal / "revisions.json"

    @property
    def tokens(self) -> Path:
        """What redeemed tokens have become."""
        return self.internal / "tokens"

    @property
    def grants(self) -> Path:
        """What is kept of grants."""
        return self.internal / "grants"

    @property
    def log(self) -> Path:
        """The log of a router that runs as supervised process."""
        return self.internal / "skrouterd.log"

    @property
    def turn(self) -> Path:
        """Locked by who carries out changes; beside the namespace, whose removal is one."""
        return self.home / "namespaces" / f".{self.namespace}.lock"

    @property
    def lock(self) -> Path:
        """Held by the supervisor of the router; its content is the supervisor's process id."""
        return self.internal / "supervisor.lock"


@dataclass(frozen=True, slots=True)
class GrantLayout:
    """The files of the server where the grants of all namespaces are redeemed; `home` is the data home."""

    home: Path

    @property
    def root(self) -> Path:
        """All of the server."""
        return self.home / "system-controller/grants"

    @property
    def endpoint(self) -> Path:
        """Where the server is reached."""
        return self.root / "endpoint.json"

    @property
    def lock(self) -> Path:
        """Held by the process that serves."""
        return self.root / "server.lock"

    @property
    def supervisor_lock(self) -> Path:
        """Held by the supervisor of a server that runs without a controller."""
        return self.root / "supervisor.lock"

    @property
    def log(self) -> Path:
        """The log of a server that runs without a controller."""
        return self.root / "server.log"

    @property
    def issuer(self) -> Path:
        """The CA of the server, which tokens name."""
        return self.home / "system-controller/issuers/skupper-grant-server-ca"

    @property
    def credentials(self) -> Path:
        """Certificate and key of the server."""
        return self.home / "system-controller/certs/skupper-grant-server"


def mode_of(kind: str) -> int:
    """The mode of a file that holds a document of this kind."""
    return SECRET_MODE if kind in SECRET_KINDS else PUBLIC_MODE
