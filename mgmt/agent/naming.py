"""Names of types and attributes: prefix, short and long form, and the way from camel case to snake case."""

import re
from functools import cache

PREFIX = "io.skupper.router."
"""Every entity type's long name begins with this."""

MANAGEMENT_TYPE = "org.amqp.management"
"""The type of the management node in the AMQP management draft; accepted without the prefix."""

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@cache
def snake_case(name: str) -> str:
    """`deliveriesDelayed1Sec` -> `deliveries_delayed1_sec`, `timestampsInUTC` -> `timestamps_in_utc`."""
    return _HUMP.sub("_", name).lower()


def long_name(name: str) -> str:
    """The name with the prefix; a name that has it already stays as it is."""
    return name if name.startswith(PREFIX) else PREFIX + name


def short_name(name: str) -> str:
    """The name without the prefix."""
    return name.removeprefix(PREFIX)
