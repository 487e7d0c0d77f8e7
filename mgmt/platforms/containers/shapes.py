"""The containers of a site and of the system controller, as the API takes them (local-system.md §5, §8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from skrouter.mgmt.platforms.containers.images import Image
from skrouter.mgmt.platforms.linux.layout import OUTPUT, OUTPUT_VARIABLE

APPLICATION = ("application", "skupper-v2")
COMPONENT_LABEL = "skupper.io/v2-component"
STOP_TIME = 10
"""Seconds to end in, whoever ends it."""

SITE_LABEL = "skupper.io/site-id"
CONTROLLER = "system-controller"

BASE = "/etc/skupper-router"
CONFIG = f"{BASE}/config"
PROFILES = f"{BASE}/runtime/certs"


@dataclass(frozen=True, slots=True)
class RunAs:
    """User and group ids inside; `namespace` is how they become those outside, empty for the engine's way."""

    user: int
    group: int
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Mount:
    """A directory of the host; `shared` lets SELinux have it in several containers."""

    source: str
    target: str
    shared: bool = True

    @property
    def bind(self) -> str:
        """As the API has it."""
        return f"{self.source}:{self.target}{':z' if self.shared else ''}"


@dataclass(frozen=True, slots=True)
class Container:
    """What the engine keeps running, also after a restart of the engine."""

    name: str
    image: Image
    labels: Mapping[str, str]
    environment: Mapping[str, str]
    mounts: tuple[Mount, ...]
    run_as: RunAs
    options: Mapping[str, Any] = field(default_factory=dict)
    """Further members of HostConfig."""

    @property
    def body(self) -> dict[str, Any]:
        """The request that creates it. On the host's network its ports are those of the site's listeners."""
        host = {
            "NetworkMode": "host",
            "RestartPolicy": {"Name": "always"},
            "Binds": [one.bind for one in self.mounts],
            **self.options,
        }
        if self.run_as.namespace:
            host["UsernsMode"] = self.run_as.namespace
        return {
            "Image": self.image.name,
            "Env": [f"{name}={value}" for name, value in sorted(self.environment.items())],
            "Labels": dict(self.labels),
            "User": f"{self.run_as.user}:{self.run_as.group}",
            "StopTimeout": STOP_TIME,  # Podman takes none as zero, and kills at once
            "HostConfig": host,
        }


def run_as(engine: str, *, user_id: int, group_id: int, socket_group: int, rootless: bool) -> RunAs:
    """Files are read and written as the user who owns them, whatever the image says.

    `rootless`: the engine is the user's own, so that its root is this user, unless ids are kept as they are.
    """
    if user_id == 0:
        return RunAs(0, group_id)
    if engine == "podman":
        return RunAs(user_id, group_id, "keep-id")
    return RunAs(0, 0) if rootless else RunAs(user_id, socket_group, "host")


def router_name(namespace: str) -> str:
    """`<ns>-skupper-router`."""
    return f"{namespace}-skupper-router"


def controller_name(user: str) -> str:
    """`<user>-skupper-controller`."""
    return f"{user}-skupper-controller"


def router(namespace: str, site_id: str, image: Image, runtime: str, who: RunAs) -> Container:
    """The router of a site; `runtime` is the namespace's directory of that name, on the host."""
    return Container(
        name=router_name(namespace),
        image=image,
        labels={APPLICATION[0]: APPLICATION[1], COMPONENT_LABEL: "router", SITE_LABEL: site_id},
        environment={
            "APPLICATION_NAME": "skupper-router",
            "QDROUTERD_CONF": f"{CONFIG}/skrouterd.json",
            "QDROUTERD_CONF_TYPE": "json",
            "SKUPPER_SITE_ID": site_id,
            "SSL_PROFILE_BASE_PATH": BASE,
        },
        mounts=(Mount(f"{runtime}/router", CONFIG), Mount(f"{runtime}/certs", PROFILES)),
        run_as=who,
    )


def controller(
    user: str,
    image: Image,
    who: RunAs,
    *,
    engine: str,
    socket: str,
    home: str,
    reload_type: str,
    settings: Mapping[str, str],
) -> Container:
    """The system controller of a user; `settings` are variables of the user that it needs too."""
    inside = f"/var/run/{engine}.sock"
    return Container(
        name=controller_name(user),
        image=image,
        labels={APPLICATION[0]: APPLICATION[1], COMPONENT_LABEL: CONTROLLER},
        environment={
            **settings,
            "CONTAINER_ENDPOINT": f"unix://{inside}",
            "CONTAINER_ENGINE": engine,
            OUTPUT_VARIABLE: home,
            "SKUPPER_SYSTEM_RELOAD_TYPE": reload_type,
        },
        mounts=(Mount(home, str(OUTPUT)), Mount(socket, inside, shared=False)),
        run_as=who,
        options={"SecurityOpt": ["label=disable"]},  # SELinux lets no container use the engine's socket
    )
