"""What passed between two of our routers, in the notation of the captures, with all that varies taken out.

Belongs here: making two frames comparable. Does not: what routers do, and which frames a test compares.
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
    (r"(delivery-id|first|section-offset)=u(int|long)\(\d+\)", r"\1=N"),
    (r'"instance": int\(\d+\)', '"instance": I'),
    (r'"(ls_seq|mobile_seq)": int\(\d+\)', r'"\1": S'),
    (r":mobile_seq: long\(\d+\)", ":mobile_seq: S"),
    (r":have_seq: long\(\d+\)", ":have_seq: S"),
    (r"0x616e6f6e796d6f757340[0-9a-f]+", "anonymous@host"),
    (r', :qd.access-id: "[^"]*"', ""),
    (r'correlation-id="[^"]*"', "correlation-id=null"),
    (r'(:meshid: |ingress-mesh=|:id: )"[A-Za-z0-9+_]{15}"', r'\1"MESH"'),
    (r":ordinal: long\(\d+\)", ":ordinal: N"),
    (r"message-id=ulong\(\d+\)", "message-id=M"),
)
"""Ids, times and names; access-id and correlation-id belong to flow records."""


def normal(text: str) -> str:
    """Without what varies."""
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
    """A recorded frame as `shown` would show it."""
    sections = [line.removeprefix("| ") for line in frame.text if line.startswith("| ")]
    return (
        normal(frame.text[0]),
        *(normal(line) for line in sections if not line.startswith(("(more", "raw "))),
    )


def same(lines: tuple[str, ...], frame: CapturedFrame) -> bool:
    """Whether our lines are of the frame's kind, and so worth showing beside it."""
    return lines[0].partition("(")[0] == frame.text[0].partition("(")[0]


def captured(file: str, numbers: tuple[int, ...]) -> list[CapturedFrame]:
    """Frames of a file by number."""
    by_number = {frame.source: frame for frame in captures.frames()}
    return [by_number[f"{file} #{number}"] for number in numbers]
