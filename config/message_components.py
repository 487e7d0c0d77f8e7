"""The `messageLoggingComponents` attribute: which parts of messages are logged. Making lines is elsewhere."""

from typing import Final

HEADER_FIELDS: Final = ("durable", "priority", "ttl", "first-acquirer", "delivery-count")
PROPERTY_FIELDS: Final = (
    "message-id",
    "user-id",
    "to",
    "subject",
    "reply-to",
    "correlation-id",
    "content-type",
    "content-encoding",
    "absolute-expiry-time",
    "creation-time",
    "group-id",
    "group-sequence",
    "reply-to-group-id",
)
APPLICATION_PROPERTIES: Final = "app-properties"
COMPONENTS: Final = (*HEADER_FIELDS, *PROPERTY_FIELDS, APPLICATION_PROPERTIES)
"""All, in the order in which they are shown (AMQP 1.0 §3.2.1, §3.2.4, §3.2.5)."""


def parse_components(text: str) -> tuple[frozenset[str], tuple[str, ...]]:
    """The components that `none`, `all` or a list such as `user-id,subject` names, and words that are none.

    `all` is all properties and application properties.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    if words in ([], ["none"]):
        return frozenset(), ()
    if words == ["all"]:
        return frozenset((*PROPERTY_FIELDS, APPLICATION_PROPERTIES)), ()
    return frozenset(words) & frozenset(COMPONENTS), tuple(word for word in words if word not in COMPONENTS)
