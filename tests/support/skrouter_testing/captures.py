"""Reading the recorded frames and messages of real routers (tests/data/captures).

The text beside the octets was written by another decoder than ours: `render` gives ours in its notation,
so that the two can be compared.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

from skrouter.amqp import types as t
from skrouter.amqp.message import BodyKind, Message

from skrouter_testing.frames import FIELDS, NAMES

FOLDER: Final = Path(__file__).parents[2] / "data" / "captures"
FRAME_FILES: Final = (
    "01-interior-pair.txt",
    "02-line.txt",
    "03-edge.txt",
    "04-tcp-adaptor.txt",
    "11-policy.txt",
    "12-limits.txt",
)
MESSAGE_FILE: Final = "05-management.txt"

_FRAME_LINE = re.compile(r"#(\d+) t=\S+ conn=(\d+) (\S+) ch=(\d+) (\S+) size=(\d+) ")


@dataclass(frozen=True, slots=True)
class CapturedFrame:
    """One frame or protocol header."""

    source: str
    """File and number, for test ids."""
    direction: str
    channel: int
    name: str
    """Performative, `protocol-header` or `empty`."""
    text: tuple[str, ...]
    """The other decoder's lines, sections of a message with `| ` in front."""
    octets: bytes


@dataclass(frozen=True, slots=True)
class CapturedMessage:
    """One whole message of the management capture."""

    source: str
    title: str
    request: bool
    text: tuple[str, ...]
    octets: bytes


def frames(*names: str) -> list[CapturedFrame]:
    """All recorded frames, or those with these names."""
    found = [frame for file in FRAME_FILES for frame in _frames(file)]
    return [frame for frame in found if not names or frame.name in names]


def messages() -> list[CapturedMessage]:
    """All recorded management messages."""
    return [
        CapturedMessage(
            f"{MESSAGE_FILE} {first}", first, lines[0].startswith("REQUEST"), *_content(lines[1:])
        )
        for first, *lines in _blocks(MESSAGE_FILE, "### ")
    ]


def _frames(file: str) -> Iterator[CapturedFrame]:
    for first, *lines in _blocks(file, "#"):
        matched = _FRAME_LINE.match(first)
        assert matched, first
        number, _, direction, channel, name, size = matched.groups()
        text, octets = _content(lines)
        assert len(octets) == int(size), first
        yield CapturedFrame(f"{file} #{number}", direction, int(channel), name, text, octets)


def _blocks(file: str, start: str) -> Iterator[list[str]]:
    for block in (FOLDER / file).read_text().split("\n\n"):
        if block.startswith(start):
            yield block.strip("\n").split("\n")


def _content(lines: list[str]) -> tuple[tuple[str, ...], bytes]:
    *text, octets = (line.removeprefix("  ") for line in lines)
    return tuple(text), bytes.fromhex(octets.removeprefix("hex "))


# --- our decoding in the notation of the captures --------------------------------------------------------

_NUMBERS: Final = (t.UByte, t.UShort, t.UInt, t.ULong, t.Byte, t.Short, t.Int, t.Long, t.Timestamp)


def render(value: object) -> str:
    """A decoded value as the captures write it."""
    match value:
        case None | True | False:
            return {None: "null", True: "true", False: "false"}[value]
        case t.Symbol():
            return f":{value}"
        case str():
            return f'"{value}"'
        case bytes():
            return f"binary(0x{value.hex()})"
        case int() if isinstance(value, _NUMBERS):
            return f"{type(value).__name__.lower()}({value})"
        case list():
            return f"[{', '.join(map(render, value))}]"
        case dict():
            return "{" + ", ".join(f"{render(key)}: {render(item)}" for key, item in value.items()) + "}"
        case t.Array():
            return f"array[{', '.join(map(render, value.values))}]"
        case t.Described(t.ULong() as code, list() as fields):
            return render_fields(NAMES[int(code)], FIELDS[NAMES[int(code)]][1], fields)
        case _:
            raise ValueError(f"the captures have no notation for {value!r}")


def render_fields(name: str, names: tuple[str, ...], values: list[object]) -> str:
    """A composite value as `name(field=value, …)`."""
    inside = ", ".join(f"{field}={render(value)}" for field, value in zip(names, values, strict=False))
    return f"{name}({inside})"


def rendered_sections(item: Message) -> list[str]:
    """The message in the notation of the captures."""
    lines = []
    if item.router_annotations is not None:
        lines.append(_annotations(item))
    for section in (item.header, item.properties):
        if section is not None:
            names = tuple(f.name for f in fields(section))[: section.on_wire]
            values = [getattr(section, name) for name in names]
            hyphened = tuple(name.replace("_", "-") for name in names)
            lines.append(render_fields(type(section).__name__.lower(), hyphened, values))
    maps = {
        "delivery-annotations": item.delivery_annotations,
        "message-annotations": item.message_annotations,
        "application-properties": item.application_properties,
    }
    lines += [f"{name}: {render(value)}" for name, value in maps.items() if value is not None]
    if item.body_kind is BodyKind.VALUE:
        lines.append(f"amqp-value: {render(item.body)}")
    return lines


def _annotations(item: Message) -> str:
    annotations = item.router_annotations
    assert annotations is not None
    mesh = "" if annotations.ingress_mesh is None else f", ingress-mesh={render(annotations.ingress_mesh)}"
    return (
        f"router-annotations(flags=uint({annotations.flags}), to-override={render(annotations.to_override)}, "
        f"ingress-router={render(annotations.ingress)}, trace={render(list(annotations.trace))}{mesh})"
    )
