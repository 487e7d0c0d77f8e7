"""The system controller of a user as a container, and the socket of the engine (local-system.md §8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from skrouter.mgmt.platforms.containers import boot, shapes
from skrouter.mgmt.platforms.containers.engine import Engine
from skrouter.mgmt.platforms.containers.images import ROUTER, Image
from skrouter.mgmt.platforms.containers.manager import is_alive, runtime_directory, user_of, write_scripts
from skrouter.mgmt.platforms.linux import files
from skrouter.mgmt.platforms.linux.systemd import Unit
from skrouter.mgmt.sites.platform import PlatformError

PASSED_ON = ("SKUPPER_IMAGE_REGISTRY", ROUTER.variable, f"{ROUTER.variable}_PULL_POLICY")
"""Variables of the user that the controller needs to start the same routers."""


@dataclass(frozen=True, slots=True)
class Units:
    """Of systemd: the controller's own, and the socket's, each None if we may not or cannot have it."""

    controller: Unit | None
    socket: Unit | None


class SystemController:
    """The controller of a user; `home` is the data home."""

    def __init__(
        self,
        home: Path,
        engine: Engine,
        *,
        user: str,
        ids: tuple[int, int],
        environment: Mapping[str, str],
        units: Units,
    ) -> None:
        self._home = home
        self._engine = engine
        self._user = user
        self._ids = ids
        self._environment = environment
        self._units = units
        self._internal = home / "system-controller/internal"
        self.name = shapes.controller_name(user)

    @property
    def _opened(self) -> Path:
        """There if the socket was closed before we opened it, so that it is ours to close."""
        return self._internal / f"{self._engine.name}.socket"

    def is_running(self) -> bool:
        """Whether its container runs."""
        found = self._engine.inspect(self.name)
        return found is not None and is_alive(found)

    def open_socket(self) -> None:
        """Have the socket now and after a restart of the machine."""
        unit = self._units.socket
        if unit is not None and not (unit.is_enabled() and unit.is_active()):
            unit.enable_now()
            files.write(self._opened, b"")

    def install(self, image: Image, reload_type: str) -> None:
        """Run the controller, now and after a restart of the machine."""
        self._engine.provide(image)
        files.make_directory(self._home / "namespaces")
        container = shapes.controller(
            self._user,
            image,
            user_of(self._engine, self._ids),
            engine=self._engine.name,
            socket=str(self._engine.socket),
            home=str(self._home),
            reload_type=reload_type,
            settings={name: self._environment[name] for name in PASSED_ON if name in self._environment},
        )
        self._engine.remove(self.name)
        self._engine.create(container)
        self._engine.start(self.name)
        self._keep_over_boots()

    def _keep_over_boots(self) -> None:
        labels = {shapes.COMPONENT_LABEL: shapes.CONTROLLER}
        directory = self._internal / "scripts"
        write_scripts(directory, boot.scripts(self._engine.endpoint, labels))
        if self._units.controller is not None:
            runtime = runtime_directory(self._environment, self._ids[0])
            text = boot.unit_text(boot.CONTROLLER_UNIT, runtime=runtime, directory=str(directory))
            self._units.controller.install(text)
            self._units.controller.start()

    def uninstall(self) -> bool:
        """Remove container, unit and scripts, and close the socket if we opened it; whether there was one."""
        if self._units.controller is not None:
            self._units.controller.remove()
        existed = self._engine.inspect(self.name) is not None
        self._engine.remove(self.name)
        files.remove(self._internal / "scripts")
        if self._opened.exists():
            if self._units.socket is None:
                raise PlatformError(f"nobody answers who could close the socket of {self._engine.name}")
            self._units.socket.disable_now()
            files.remove(self._opened)
        return existed
