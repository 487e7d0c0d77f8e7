"""The octets a peer has sent and no machine has used yet, bounded; shared by both sides.

Belongs here: cutting headers and frames off a stream. Does not: what they mean.
"""

from typing import Final

from skrouter.amqp.sasl.frames import HEADER_SIZE, Frame, HeaderKind, decode_frame, frame_size, sniff_header

MAX_BUFFERED: Final = 65536
"""Octets kept for a peer that is not authenticated, pipelined ones included."""


class Inbound:
    """A bounded buffer; what cannot be a header or frame raises DecodeError when it is asked for."""

    __slots__ = ("_data",)

    def __init__(self) -> None:
        self._data = bytearray()

    def add(self, data: bytes) -> None:
        """Take octets from the peer."""
        self._data += data

    @property
    def overfull(self) -> bool:
        """More octets wait than an unauthenticated peer may have waiting."""
        return len(self._data) > MAX_BUFFERED

    def peek_header(self) -> HeaderKind | None:
        """The kind of the next header, left in the buffer; None while it is incomplete."""
        return sniff_header(bytes(self._data[:HEADER_SIZE]))

    def skip_header(self) -> None:
        """Drop the header that was peeked at."""
        del self._data[:HEADER_SIZE]

    def take_frame(self) -> Frame | None:
        """The next whole frame; None while it is incomplete."""
        size = frame_size(bytes(self._data[:4]))
        if size is None or len(self._data) < size:
            return None
        frame = decode_frame(bytes(self._data[:size]))
        del self._data[:size]
        return frame

    def take_all(self) -> bytes:
        """Everything that waits; the buffer is empty afterwards."""
        data = bytes(self._data)
        self._data.clear()
        return data
