"""Names of images, and when they are pulled (skupper-cli.md §8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

REGISTRY = "localhost/skrouter"
"""Where `make image` puts them; `SKUPPER_IMAGE_REGISTRY` names another place."""

POLICIES = ("Always", "IfNotPresent", "Never")
DEFAULT_POLICY = "IfNotPresent"


class PolicyError(ValueError):
    """A pull policy that does not exist."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image by its name with tag, and when it is pulled: one of `POLICIES`."""

    name: str
    policy: str = DEFAULT_POLICY

    @property
    def tag(self) -> str:
        """What follows the name; `latest` if nothing does."""
        return tag_of(self.name)


@dataclass(frozen=True, slots=True)
class Component:
    """A program that has an image; `variable` overrides its name, with `_PULL_POLICY` when it is pulled."""

    name: str
    repository: str
    variable: str


ROUTER = Component("router", "skupper-router", "SKUPPER_ROUTER_IMAGE")
CONTROLLER = Component("system-controller", "system-controller", "SKUPPER_SYSTEM_CONTROLLER_IMAGE")


def find_image(component: Component, environment: Mapping[str, str], version: str) -> Image:
    """The image of a component; PolicyError if the environment asks for a policy that does not exist."""
    variable = f"{component.variable}_PULL_POLICY"
    policy = environment.get(variable) or DEFAULT_POLICY
    if policy not in POLICIES:
        raise PolicyError(f"{variable} is {policy!r}; use one of {', '.join(POLICIES)}")
    registry = environment.get("SKUPPER_IMAGE_REGISTRY") or REGISTRY
    default = f"{registry.rstrip('/')}/{component.repository}:{version}"
    return Image(environment.get(component.variable) or default, policy)


def tag_of(name: str) -> str:
    """The tag of an image's name, or its digest if that is what it is named by."""
    if "@" in name:
        return name.partition("@")[2]
    last = name.rpartition("/")[2]
    return last.partition(":")[2] or "latest"
