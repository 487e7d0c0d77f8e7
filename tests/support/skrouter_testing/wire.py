"""Our frames beside those of real routers: equal but for ids, times and names.

Belongs here: what may differ, and frames in one notation. Does not: recording (`relay`, `captures`).
"""

from __future__ import annotations

import re

from skrouter.amqp import codec
from skrouter.amqp import message as messages
from skrouter.amqp.errors import DecodeError

from skrouter_testing import captures
from skrouter_testing.captures import CapturedFrame
from skrouter_testing.relay import Frame

VARYING = (
    (r"qdlink\.[A-Za-z0-9+_]{15}", "qdlink.X"),
    (r"temp\.[A-Za-z0-9+_]{15}", "temp.X"),
    (r'group-correlator: "[^"]*"', "group-correlator: X"),
    (r"conn-id: int\(\d+\)", "conn-id: N"),
    (r':version: "[^"]*"', ":version: V"),
    (r"delivery-tag=binary\(0x[0-9a-f]{16}\)", "delivery-tag=T"),
    (r"(delivery-id|first|section-offset|section-number)=u(int|long)\(\d+\)", r"\1=N"),
    (r'"instance": int\(\d+\)', '"instance": I'),
    (r'"(ls_seq|mobile_seq)": int\(\d+\)', r'"\1": S'),
    (r":mobile_seq: long\(\d+\)", ":mobile_seq: S"),
    (r":have_seq: long\(\d+\)", ":have_seq: S"),
    (r"0x616e6f6e796d6f757340[0-9a-f]+", "anonymous@host"),
    (r'(:qd.access-id: |correlation-id=)"[A-Za-z0-9+_]{5}:\d+"', r"\1RECORD"),
    (r'"(mc/sfe|sfe|vfcr)\.[A-Za-z0-9+_]{5}:0', r'"\1.SOURCE'),
    (r'correlation-id="[^"]*"', "correlation-id=null"),
    (r'(:meshid: |ingress-mesh=|:id: )"[A-Za-z0-9+_]{15}"', r'\1"MESH"'),
    (r":ordinal: long\(\d+\)", ":ordinal: N"),
    (r"message-id=ulong\(\d+\)", "message-id=M"),
)
"""Ids, times and names; a RECORD is the identity of a flow record, a section-number a window."""

_RANDOM = re.compile(rb"(qdlink|temp)\.[A-Za-z0-9+_]{15}")
_TAG = re.compile(rb"\xa0\x08.{8}", re.DOTALL)


def normal(text: str) -> str:
    """A text of the captures without what differs from run to run."""
    for pattern, replacement in VARYING:
        text = re.sub(pattern, replacement, text)
    return text


def shown(frame: Frame) -> tuple[str, ...]:
    """A frame in the notation of the captures, its message's sections behind it."""
    if not frame.body:
        return ("empty",)
    performative, end = codec.decode(frame.body)
    lines = [normal(captures.render(performative))]
    if payload := frame.body[end:]:
        try:
            head, _ = messages.decode_head(payload)
        except DecodeError:
            return (*lines, "continuation")
        lines += [normal(line) for line in captures.rendered_sections(head)]
    return tuple(lines)


def expected(frame: CapturedFrame) -> tuple[str, ...]:
    """A captured frame as `shown` shows one of ours."""
    sections = [line.removeprefix("| ") for line in frame.text if line.startswith("| ")]
    return (
        normal(frame.text[0]),
        *(normal(line) for line in sections if not line.startswith(("(more", "raw "))),
    )


def same(lines: tuple[str, ...], frame: CapturedFrame) -> bool:
    """Whether our lines are of the frame's kind, and so worth showing beside it."""
    return lines[0].partition("(")[0] == frame.text[0].partition("(")[0]


def captured(file: str, numbers: tuple[int, ...]) -> list[CapturedFrame]:
    """The frames of these numbers in a file."""
    by_number = {frame.source: frame for frame in captures.frames()}
    return [by_number[f"{file} #{number}"] for number in numbers]


def masked(octets: bytes) -> bytes:
    """A whole frame without what is random in it: 15 characters of a name, and the delivery tag."""
    return _TAG.sub(b"\xa0\x08" + bytes(8), _RANDOM.sub(rb"\1." + b"X" * 15, octets))
