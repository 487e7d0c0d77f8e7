"""The native reader of message heads against the pure one.

Belongs here: what both must find in the same octets. Does not: octets to try.
"""

from typing import Final

from skrouter.amqp.annotations import RouterAnnotations, decode_annotations
from skrouter.amqp.errors import DecodeError
from skrouter.amqp.message import Message, decode_head
from skrouter.router.forwarder.sections import parse_head

DEFAULT_PRIORITY: Final = 4
TEXTS: Final = ("to_override", "ingress", "mesh", "to", "user")


def head_of(message: Message, body: int) -> dict[str, object]:
    """What the native reader should find; `body` is the length of the router annotations."""
    annotations = message.router_annotations or RouterAnnotations()
    texts = {
        "to_override": annotations.to_override,
        "ingress": annotations.ingress,
        "mesh": annotations.ingress_mesh,
        "to": message.properties.to if message.properties else None,
    }
    header = message.header
    priority = DEFAULT_PRIORITY if header is None or header.priority is None else min(header.priority, 9)
    found: dict[str, object] = {name: None if text is None else text.encode() for name, text in texts.items()}
    return found | {
        "user": message.properties.user_id if message.properties else None,
        "priority": priority,
        "flags": annotations.flags,
        "body": body,
        "trace_count": len(annotations.trace),
    }


def check_against_pure(octets: bytes) -> None:
    """Every text lies within the octets; what both readers understand they understand alike."""
    result, found = parse_head(octets, True)
    assert result in ("done", "more", "invalid")
    body = found["body"]
    assert isinstance(body, int)
    assert body <= len(octets)
    for name in (*TEXTS, "trace"):
        assert found[name] is None or found[name] in octets  # type: ignore[operator]
    try:
        annotations, end = decode_annotations(octets)
        message, _ = decode_head(octets)
    except DecodeError:
        return
    if annotations is not None and result != "more":
        assert result == "done"
        assert body == end
        assert (found["flags"], found["trace_count"]) == (annotations.flags, len(annotations.trace))
    if result == "done" and message.properties is not None:
        to = message.properties.to
        assert found["to"] == (None if to is None else to.encode())
        assert found["user"] == message.properties.user_id
