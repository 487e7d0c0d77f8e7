"""The frames of a SASL exchange for a trace: pure. What they say is written by `amqp/frame_text.py`."""

from __future__ import annotations

from skrouter.amqp.sasl.frames import HEADER_SIZE, MAX_FRAME, SASL_HEADER

_SASL_TYPE = 1


class SaslTap:
    """One direction of an exchange, cut into its header and frames; it ends where something else begins."""

    def __init__(self) -> None:
        self._rest = b""
        self._has_header = False
        self._is_over = False

    def take(self, data: bytes) -> list[bytes]:
        """What these octets complete."""
        self._rest += data
        found = []
        while not self._is_over and (size := self._next_size()) and len(self._rest) >= size:
            found.append(self._rest[:size])
            self._rest = self._rest[size:]
            self._has_header = True
        if self._is_over:
            self._rest = b""
        return found

    def _next_size(self) -> int:
        """Octets of what comes next; 0 while that is not known."""
        if len(self._rest) < HEADER_SIZE:
            return 0
        if not self._has_header:
            self._is_over = self._rest[:HEADER_SIZE] != SASL_HEADER
            size = HEADER_SIZE
        else:
            size = int.from_bytes(self._rest[:4])
            self._is_over = not HEADER_SIZE <= size <= MAX_FRAME or self._rest[5] != _SASL_TYPE
        return 0 if self._is_over else size
