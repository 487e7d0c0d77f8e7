"""What a user group may do, as numbers and rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from skrouter.config.allowed import Allowed, allowed
from skrouter.config.model import PolicyConfig, VhostConfig

MANY = 2147483647
SMALLEST_FRAME = 512
"""AMQP 1.0 §2.7.1: no peer can ask for less."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one group; None: the listener's or connector's own. Sizes in octets, 0: any."""

    max_frame_size: int | None
    max_sessions: int | None
    max_session_window: int | None
    max_message_size: int
    max_senders: int
    max_receivers: int
    max_connections_per_user: int
    max_connections_per_host: int
    allow_dynamic_source: bool
    allow_anonymous_sender: bool
    allow_user_id_proxy: bool
    allow_admin_status_update: bool
    sources: Allowed
    targets: Allowed


def settings_of(group: Mapping[str, object], vhost: VhostConfig, policy: PolicyConfig) -> Settings:
    """A group's settings over those of its vhost and of the whole router. ValueError for a bad pattern."""
    frame = _positive(group, "maxFrameSize")
    return Settings(
        max_frame_size=None if frame is None else max(frame, SMALLEST_FRAME),
        max_sessions=_positive(group, "maxSessions"),
        max_session_window=_positive(group, "maxSessionWindow"),
        max_message_size=_first(group.get("maxMessageSize"), vhost.max_message_size, policy.max_message_size),
        max_senders=_first(group.get("maxSenders"), MANY),
        max_receivers=_first(group.get("maxReceivers"), MANY),
        max_connections_per_user=_first(group.get("maxConnectionsPerUser"), vhost.max_connections_per_user),
        max_connections_per_host=_first(group.get("maxConnectionsPerHost"), vhost.max_connections_per_host),
        allow_dynamic_source=group.get("allowDynamicSource") is True,
        allow_anonymous_sender=group.get("allowAnonymousSender") is True,
        allow_user_id_proxy=group.get("allowUserIdProxy") is True,
        allow_admin_status_update=group.get("allowAdminStatusUpdate") is not False,
        sources=allowed(_text(group, "sources"), _text(group, "sourcePattern")),
        targets=allowed(_text(group, "targets"), _text(group, "targetPattern")),
    )


def _positive(group: Mapping[str, object], name: str) -> int | None:
    value = group.get(name)
    return value if isinstance(value, int) and value > 0 else None


def _first(*values: object) -> int:
    return next((value for value in values if isinstance(value, int)), 0)


def _text(group: Mapping[str, object], name: str) -> str | None:
    value = group.get(name)
    return value if isinstance(value, str) else None
