"""An independent judge of AMQP streams (AMQP 1.0 sections 1.6, 2.3, 2.7), to test the frame guard against.

Slow and plain on purpose: it cuts whole regions out of the octets and raises at the first fault.
"""

from dataclasses import dataclass

HEADER = b"AMQP\x00\x01\x00\x00"
MAX_DEPTH = 32
MAX_ZERO_WIDTH = 256

WIDTHS = {
    **dict.fromkeys(range(0x40, 0x46), 0),
    **dict.fromkeys(range(0x50, 0x57), 1),
    **dict.fromkeys((0x60, 0x61), 2),
    **dict.fromkeys(range(0x70, 0x75), 4),
    **dict.fromkeys(range(0x80, 0x85), 8),
    **dict.fromkeys((0x94, 0x98), 16),
}
VARIABLE = {0xA0: 1, 0xA1: 1, 0xA3: 1, 0xB0: 4, 0xB1: 4, 0xB3: 4}
COMPOUND = {0xC0: 1, 0xC1: 1, 0xD0: 4, 0xD1: 4}
ARRAY = {0xE0: 1, 0xF0: 4}
MAPS = {0xC1, 0xD1}


class FaultError(Exception):
    """The stream breaks a rule; the text names it as the guard does."""


@dataclass(slots=True)
class Reader:
    """Octets taken from the front; asking for more than there are is a fault."""

    octets: bytes

    def take(self, count: int, fault: str = "SIZE") -> bytes:
        if count > len(self.octets):
            raise FaultError(fault)
        taken, self.octets = self.octets[:count], self.octets[count:]
        return taken

    def number(self, width: int) -> int:
        return int.from_bytes(self.take(width), "big")

    def finish(self) -> None:
        if self.octets:
            raise FaultError("SIZE")


def read_value(reader: Reader, depth: int) -> None:
    """One value with its constructor."""
    if depth > MAX_DEPTH:
        raise FaultError("DEPTH")
    code = reader.take(1)[0]
    if code == 0:
        read_value(reader, depth + 1)
        read_value(reader, depth + 1)
    else:
        read_content(reader, code, depth)


def read_content(reader: Reader, code: int, depth: int) -> None:
    """What follows a type code."""
    if code in WIDTHS:
        reader.take(WIDTHS[code])
    elif code in VARIABLE:
        reader.take(reader.number(VARIABLE[code]))
    elif code in COMPOUND:
        read_compound(reader, code, depth)
    elif code in ARRAY:
        read_array(reader, ARRAY[code], depth)
    else:
        raise FaultError("TYPE_CODE")


def read_compound(reader: Reader, code: int, depth: int) -> None:
    width = COMPOUND[code]
    inside = Reader(reader.take(reader.number(width)))
    count = inside.number(width)
    if count > len(inside.octets):
        raise FaultError("COUNT")
    if code in MAPS and count % 2:
        raise FaultError("MAP_COUNT")
    for _ in range(count):
        read_value(inside, depth + 1)
    inside.finish()


def read_array(reader: Reader, width: int, depth: int) -> None:
    inside = Reader(reader.take(reader.number(width)))
    count = inside.number(width)
    code = read_constructor(inside, depth + 1)
    if code not in WIDTHS and count > len(inside.octets):
        raise FaultError("COUNT")
    if code in WIDTHS and count * WIDTHS[code] > len(inside.octets):
        raise FaultError("COUNT")
    if WIDTHS.get(code) == 0 and count > MAX_ZERO_WIDTH:
        raise FaultError("COUNT")
    for _ in range(count):
        read_content(inside, code, depth + 1)
    inside.finish()


def read_constructor(reader: Reader, depth: int) -> int:
    """The type code that all elements of an array have."""
    while True:
        if depth > MAX_DEPTH:
            raise FaultError("DEPTH")
        code = reader.take(1)[0]
        if code in WIDTHS or code in VARIABLE or code in COMPOUND or code in ARRAY:
            return code
        if code:
            raise FaultError("TYPE_CODE")
        depth += 1
        read_value(reader, depth)


@dataclass(slots=True)
class Oracle:
    """Judges a whole stream at once."""

    max_frame_size: int
    channel_max: int
    opened: bool = False

    def judge(self, stream: bytes) -> tuple[str, int]:
        """(fault or "OK", octets that may pass) of a stream from the protocol header on, cut off anywhere."""
        if not HEADER.startswith(stream[:8]):
            return "PROTOCOL_HEADER", 0
        passed = 8 if len(stream) >= 8 else 0
        try:
            while passed and (step := self._frame(stream[passed:])):
                passed += step
        except FaultError as fault:
            return str(fault), passed
        return "OK", passed

    def _frame(self, octets: bytes) -> int:
        """Octets of the first frame that may pass; 0 if more are needed to tell."""
        if len(octets) < 8:
            return 0
        size, begin = int.from_bytes(octets[:4], "big"), octets[4] * 4
        self._check_frame(size, begin, octets[5])
        frame = octets[:size]
        if len(frame) < min(size, begin + 15):
            return 0
        if size == begin:
            return size
        descriptor, end = self._performative(frame, begin, size, int.from_bytes(octets[6:8], "big"))
        if descriptor != 0x14 and end != size:
            raise FaultError("TRAILING_OCTETS")
        if len(frame) < end:
            return 0
        body = Reader(frame[:end])
        body.take(begin)
        read_value(body, -1)  # the descriptor and the list are level 0, the list's fields level 1
        self.opened = True
        return len(frame)

    def _check_frame(self, size: int, begin: int, kind: int) -> None:
        if size < 8 or begin < 8:
            raise FaultError("MALFORMED_FRAME")
        if size > self.max_frame_size:
            raise FaultError("FRAME_TOO_LARGE")
        if begin > size:
            raise FaultError("MALFORMED_FRAME")
        if kind:
            raise FaultError("SASL_FRAME" if kind == 1 else "FRAME_TYPE")

    def _performative(self, frame: bytes, begin: int, size: int, channel: int) -> tuple[int, int]:
        """The descriptor, and where the list ends in the frame."""
        reader = Reader(frame[begin:])
        if reader.take(1, "NOT_A_PERFORMATIVE") != b"\x00":
            raise FaultError("NOT_A_PERFORMATIVE")
        descriptor = self._descriptor(reader)
        self._check_order(descriptor, channel)
        code = reader.take(1, "NOT_A_PERFORMATIVE")[0]
        if code not in {0x45, 0xC0, 0xD0}:
            raise FaultError("NOT_A_PERFORMATIVE")
        length = 0 if code == 0x45 else reader.number(COMPOUND[code])
        end = len(frame) - len(reader.octets) + length
        if end > size:
            raise FaultError("SIZE")
        return descriptor, end

    def _descriptor(self, reader: Reader) -> int:
        code = reader.take(1, "NOT_A_PERFORMATIVE")[0]
        if code in {0xA3, 0xB3}:
            raise FaultError("SYMBOLIC_PERFORMATIVE")
        widths = {0x44: 0, 0x53: 1, 0x80: 8}
        if code not in widths:
            raise FaultError("NOT_A_PERFORMATIVE")
        value = int.from_bytes(reader.take(widths[code], "NOT_A_PERFORMATIVE"), "big")
        if not 0x10 <= value <= 0x18:
            raise FaultError("UNKNOWN_PERFORMATIVE")
        return value

    def _check_order(self, descriptor: int, channel: int) -> None:
        if not self.opened and descriptor != 0x10:
            raise FaultError("BEFORE_OPEN")
        if channel > self.channel_max:
            raise FaultError("CHANNEL" if descriptor == 0x11 else "NO_SUCH_CHANNEL")
