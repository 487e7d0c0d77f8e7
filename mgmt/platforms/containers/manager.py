"""A site's router as a container that its engine keeps running."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from skrouter.mgmt.platforms.containers import boot, shapes
from skrouter.mgmt.platforms.containers.engine import Engine
from skrouter.mgmt.platforms.containers.images import Image
from skrouter.mgmt.platforms.linux import files
from skrouter.mgmt.platforms.linux.layout import DIRECTORY_MODE, OUTPUT_VARIABLE, Layout, on_host
from skrouter.mgmt.platforms.linux.systemd import Unit
from skrouter.mgmt.sites.platform import PlatformError

_ALIVE = ("running", "restarting")


class ContainerManager:
    """The router of a namespace. `unit` starts it with the machine; None if no manager of units answers."""

    def __init__(
        self,
        layout: Layout,
        engine: Engine,
        image: Image,
        *,
        environment: Mapping[str, str],
        ids: tuple[int, int],
        unit: Unit | None,
    ) -> None:
        self._layout = layout
        self._engine = engine
        self._image = image
        self._environment = environment
        self._ids = ids
        self._unit = unit
        self._name = shapes.router_name(layout.namespace)

    @property
    def log(self) -> str:
        """The command that shows it."""
        return f"{self._engine.name} logs {self._name}"

    def is_started(self) -> bool:
        """Whether the engine keeps our container running."""
        found = self._engine.inspect(self._name)
        return found is not None and is_alive(found) and self._is_own(found)

    def start(self, site_id: str) -> None:
        """Make the container anew, with the image and the settings of now."""
        self._check_owner()
        self._engine.provide(self._image)
        self._engine.remove(self._name)
        self._engine.create(self._container(site_id))
        self._engine.start(self._name)
        self._keep_over_boots(site_id)

    def restart(self) -> None:
        """End it and run it again."""
        self._engine.restart(self._name)

    def stop(self) -> None:
        """Remove container, unit and scripts."""
        if self._unit is not None:
            self._unit.remove()
        found = self._engine.inspect(self._name)
        if found is not None and self._is_own(found):
            self._engine.remove(self._name)
        files.remove(self._layout.scripts)

    def _container(self, site_id: str) -> shapes.Container:
        for directory in (self._layout.router_config.parent, self._layout.certificates):
            files.make_directory(directory)
        who = user_of(self._engine, self._ids)
        return shapes.router(self._layout.namespace, site_id, self._image, self._shown(), who)

    def _shown(self, *parts: str) -> str:
        """The runtime directory, or a directory in it, by its name on the host."""
        runtime = self._layout.router_config.parent.parent
        return str(on_host(runtime.joinpath(*parts), self._environment))

    def _check_owner(self) -> None:
        found = self._engine.inspect(self._name)
        if found is not None and not self._is_own(found):
            raise PlatformError(
                f"the container {self._name} exists and is not the router of this site; "
                f"remove it with `{self._engine.name} rm -f {self._name}`, or use another namespace"
            )

    def _is_own(self, found: Mapping[str, Any]) -> bool:
        """Whether an inspected container has the label of all of ours, and our configuration."""
        labels = found.get("Config", {}).get("Labels") or {}
        sources = {one.get("Destination"): one.get("Source") for one in found.get("Mounts") or ()}
        name, value = shapes.APPLICATION
        return labels.get(name) == value and sources.get(shapes.CONFIG) == self._shown("router")

    def _keep_over_boots(self, site_id: str) -> None:
        """A controller that runs in a container cannot, and need not: it starts what is down."""
        if in_container(self._environment):
            return
        write_scripts(self._layout.scripts, boot.scripts(self._engine.endpoint, {shapes.SITE_LABEL: site_id}))
        if self._unit is not None:
            runtime = runtime_directory(self._environment, self._ids[0])
            text = boot.unit_text(self._unit.name, runtime=runtime, directory=str(self._layout.scripts))
            self._unit.install(text)
            self._unit.start()


def is_alive(found: Mapping[str, Any]) -> bool:
    """Whether an inspected container runs, or is about to again."""
    return found.get("State", {}).get("Status") in _ALIVE


def user_of(engine: Engine, ids: tuple[int, int]) -> shapes.RunAs:
    """Who containers run as, for the user and group that own the files."""
    socket_group = engine.socket.stat().st_gid
    rootless = ids[0] != 0 and engine.name == "docker" and engine.is_rootless()
    return shapes.run_as(
        engine.name, user_id=ids[0], group_id=ids[1], socket_group=socket_group, rootless=rootless
    )


def write_scripts(directory: Path, texts: Mapping[str, str]) -> None:
    """Scripts that may be run."""
    for name, text in texts.items():
        files.write(directory / name, text.encode(), DIRECTORY_MODE)


def in_container(environment: Mapping[str, str]) -> bool:
    """Whether we run in a container that has the data home mounted."""
    return bool(environment.get(OUTPUT_VARIABLE))


def runtime_directory(environment: Mapping[str, str], user_id: int) -> str:
    """Of the user; root's is that of the system."""
    return "/run" if user_id == 0 else environment.get("XDG_RUNTIME_DIR") or f"/run/user/{user_id}"
