"""Reading the recorded frames and messages of real routers (tests/data/captures).

The text beside the octets was written by another decoder than ours: `render` gives ours in its notation,
so that the two can be compared.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

from skrouter.amqp import codec
from skrouter.amqp import types as t
from skrouter.amqp.message import BodyKind, Message

from skrouter_testing.frames import FIELDS, NAMES

FOLDER: Final = Path(__file__).parents[2] / "data" / "captures"
FRAME_FILES: Final = (
    "01-interior-pair.txt",
    "02-line.txt",
    "03-edge.txt",
    "04-tcp-adaptor.txt",
    "08-inter-edge.txt",
    "08-inter-edge-uplink.txt",
    "09-inter-network.txt",
    "11-policy.txt",
    "12-limits.txt",
)
MESSAGE_FILE: Final = "05-management.txt"
CONNECTION_FILES: Final = tuple(
    f"connections/{name}.txt"
    for name in (
        "01-interior-pair",
        "02-line-AB",
        "02-line-BC",
        "03-edge-E1",
        "03-edge-E2",
        "08-inter-edge",
        "08-inter-edge-uplink-E1",
        "08-inter-edge-uplink-E2",
        "09-inter-network",
    )
)
"""Everything of the connections between routers: inter-router, edge, inter-edge, inter-network."""

_FRAME_LINE = re.compile(r"#(\d+) t=(\S+) conn=(\d+) (\S+) ch=(\d+) (\S+) size=(\d+) ")
_END_LINE = re.compile(r"--- t=(\S+) TCP conn (\d+): end of stream (\S+)")


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
    """All of the frame, but for `missing` octets at its end."""
    time: float
    connection: int
    missing: int


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


def connection_frames(file: str) -> list[CapturedFrame]:
    """The frames of one of CONNECTION_FILES."""
    return list(_frames(file))


def ends(file: str) -> dict[int, float]:
    """When the TCP connections of a file ended, by their numbers."""
    found: dict[int, float] = {}
    for (line,) in _blocks(file, "--- "):
        if matched := _END_LINE.match(line):
            found.setdefault(int(matched[2]), float(matched[1]))
    return found


def _frames(file: str) -> Iterator[CapturedFrame]:
    return frames_of((FOLDER / file).read_text(), Path(file).stem if "/" in file else file)


def frames_of(text: str, source: str) -> Iterator[CapturedFrame]:
    """The frames in a text; `source` goes into their ids."""
    for first, *lines in _blocks_of(text, "#"):
        matched = _FRAME_LINE.match(first)
        assert matched, first
        number, time, connection, direction, channel, name, size = matched.groups()
        text_lines, octets = _content(lines)
        missing = int(size) - len(octets)
        assert missing == 0 or (missing > 0 and "(truncated: " in lines[-1]), first
        yield CapturedFrame(
            f"{source} #{number}",
            direction,
            int(channel),
            name,
            text_lines,
            octets,
            float(time),
            int(connection),
            missing,
        )


def _blocks(file: str, start: str) -> Iterator[list[str]]:
    return _blocks_of((FOLDER / file).read_text(), start)


def _blocks_of(text: str, start: str) -> Iterator[list[str]]:
    for block in text.split("\n\n"):
        if block.startswith(start):
            yield block.strip("\n").split("\n")


def _content(lines: list[str]) -> tuple[tuple[str, ...], bytes]:
    *text, octets = (line.removeprefix("  ") for line in lines)
    return tuple(text), bytes.fromhex(octets.removeprefix("hex ").partition(" (")[0])


def stated_sections(text: tuple[str, ...]) -> list[str]:
    """The section lines of the other decoder."""
    lines = [line.removeprefix("| ") for line in text if line.startswith("| ")]
    return [line for line in lines if not line.startswith(("(more", "raw ", "continuation"))]


# --- deliveries ------------------------------------------------------------------------------------------

Terminus = str | None


@dataclass(slots=True)
class CapturedDelivery:
    """What the transfers of one delivery carried, and over which link."""

    first: CapturedFrame
    source: Terminus
    target: Terminus
    capability: str
    """The link's, if its termini have one; else empty."""
    content: bytes
    complete: bool
    """Whether every octet of the message is here."""


def deliveries(frames: Iterable[CapturedFrame]) -> list[CapturedDelivery]:
    """The deliveries in these frames of one file, in order of their first frames."""
    links: dict[tuple[int, str, int, int], tuple[Terminus, Terminus, str]] = {}
    open_ones: dict[tuple[int, str, int, int], CapturedDelivery] = {}
    found = []
    for frame in frames:
        if frame.name not in ("attach", "transfer"):
            continue
        value, end = codec.decode(frame.octets, 4 * frame.octets[4])
        fields = _fields(value)
        handle = fields[1] if frame.name == "attach" else fields[0]
        key = (frame.connection, frame.direction, frame.channel, int(str(handle)))
        if frame.name == "attach":
            links[key] = (_address(fields[5]), _address(fields[6]), _capability(fields[6]))
            continue
        content, more = frame.octets[end:], len(fields) > 5 and fields[5] is True
        delivery = open_ones.pop(key, None)
        if delivery is None:
            delivery = CapturedDelivery(frame, *links[key], b"", complete=True)
            found.append(delivery)
        aborted = len(fields) > 9 and fields[9] is True
        delivery.content += content if delivery.complete else b""
        delivery.complete &= not frame.missing and not aborted
        if more and not aborted:
            open_ones[key] = delivery
    for delivery in open_ones.values():
        delivery.complete = False
    return found


def _fields(value: object) -> list[object]:
    assert isinstance(value, t.Described)
    assert isinstance(value.value, list)
    return value.value


def _address(terminus: object) -> Terminus:
    fields = [] if terminus is None else _fields(terminus)
    return str(fields[0]) if fields and fields[0] is not None else None


def _capability(target: object) -> str:
    fields = [] if target is None else _fields(target)
    return str(fields[6]) if len(fields) > 6 and fields[6] is not None else ""


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
