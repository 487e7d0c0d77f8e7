"""Source and target of a link (AMQP 1.0 §3.5.3, §3.5.4), as the control plane sees them.

Belongs here: the value. Does not: its octets (the engine's matter), what an address means (router/core).
"""

from dataclasses import dataclass
from typing import Final

EXPIRY_LINK_DETACH: Final = "link-detach"
EXPIRY_SESSION_END: Final = "session-end"
EXPIRY_CONNECTION_CLOSE: Final = "connection-close"
EXPIRY_NEVER: Final = "never"

DISTRIBUTION_COPY: Final = "copy"
DISTRIBUTION_MOVE: Final = "move"


@dataclass(frozen=True, slots=True)
class Terminus:
    """One end of a link; the defaults are those of the standard."""

    address: str | None = None
    durable: int = 0
    """Terminus durability: 0 none, 1 configuration, 2 unsettled state."""
    expiry_policy: str = EXPIRY_SESSION_END
    timeout: int = 0
    """Seconds an expiring terminus is kept."""
    dynamic: bool = False
    """The peer asks the router to invent an address."""
    capabilities: tuple[str, ...] = ()
    node_properties: bytes = b""
    """The map as encoded; empty: absent."""
    coordinator: bool = False
    """A target of transactions (§4.5.1); it has no address."""
    filter: bytes = b""
    """The filter set of a source as encoded; empty: absent."""
    distribution_mode: str | None = None
    """Of a source: copy or move."""

    @property
    def anonymous(self) -> bool:
        """True if neither an address is given nor one to be invented."""
        return self.address is None and not self.dynamic and not self.coordinator


NULL_TERMINUS: Final = Terminus()
"""No address, nothing asked for: an anonymous link's end, and what a refused attach is answered with."""
