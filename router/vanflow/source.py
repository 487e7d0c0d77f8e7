"""Who tells: the source id, and what the process's surroundings say of the router (spec: vanflow §1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from skrouter.router.vanflow.attributes import Attribute, Value

ID_LENGTH: Final = 5
MAX_IDENTITY: Final = 26
_IDENTITY: Final = re.compile(r".{5}:[0-9]+", re.ASCII | re.DOTALL)


def source_id(hostname: str | None, discriminator: str) -> str:
    """The end of a pod's name (`…-abcde`); elsewhere the beginning of a random text."""
    if hostname is not None and len(hostname) > ID_LENGTH + 1 and hostname[-ID_LENGTH - 1] == "-":
        return hostname[-ID_LENGTH:]
    return discriminator[:ID_LENGTH]


def is_identity(text: str) -> bool:
    """Whether it is a record's identity as routers make them: five characters, a colon, digits."""
    return len(text) <= MAX_IDENTITY and _IDENTITY.fullmatch(text) is not None


def router_attributes(
    environment: Mapping[str, str], router_id: str, mode: str, version: str
) -> dict[Attribute, Value | None]:
    """Of the ROUTER record, but its parent."""
    return {
        Attribute.NAMESPACE: environment.get("POD_NAMESPACE"),
        Attribute.MODE: mode,
        Attribute.IMAGE_NAME: environment.get("APPLICATION_NAME"),
        Attribute.IMAGE_VERSION: environment.get("VERSION"),
        Attribute.HOSTNAME: environment.get("HOSTNAME"),
        Attribute.NAME: f"0/{router_id}",
        Attribute.BUILD_VERSION: version,
    }
