"""WebSocket framing (RFC 6455 §5), server side, in place and without a copy of its own.

Every octet of a header is looked at once, a payload is only unmasked. What a peer may not do ends the stream with a close
code: frames without mask, reserved bits and opcodes, text, fragments out of order, lengths that are not the shortest.
"""

from libc.stdint cimport uint8_t, uint16_t, uint64_t
from libc.string cimport memcpy, memset

cdef enum:
    FIN = 0x80
    RESERVED = 0x70
    MASKED = 0x80

cdef enum opcode:
    CONTINUATION = 0x0
    TEXT = 0x1
    BINARY = 0x2
    CLOSE = 0x8
    PING = 0x9
    PONG = 0xA


# ---- what arrives

cdef int _fail(websocket_t *socket, uint16_t code, const char *error) noexcept nogil:
    socket.ended = True
    socket.code = code
    socket.error = error
    return -1


cdef inline uint8_t _opcode(const websocket_t *socket) noexcept nogil:
    return socket.head[0] & 0x0F


cdef int _check_start(websocket_t *socket) noexcept nogil:
    """The first two octets of a header, before the rest is waited for (RFC 6455 §5.2)."""
    cdef uint8_t code = _opcode(socket)
    if socket.head[0] & RESERVED:
        return _fail(socket, WEBSOCKET_PROTOCOL_ERROR, b"a frame has reserved bits set")
    if not socket.head[1] & MASKED:
        return _fail(socket, WEBSOCKET_PROTOCOL_ERROR, b"a frame is not masked")
    if code >= CLOSE:
        if code > PONG:
            return _fail(socket, WEBSOCKET_PROTOCOL_ERROR, b"a frame has a reserved opcode")
        if not socket.head[0] & FIN or (socket.head[1] & 0x7F) > 125:
            return _fail(socket, WEBSOCKET_PROTOCOL_ERROR, b"a control frame is fragmented or too long")
        return 0
    if code > BINARY:
        return _fail(socket, WEBSOCKET_PROTOCOL_ERROR, b"a frame has a reserved opcode")
    if (code == CONTINUATION) != socket.fragmented:
        return _fail(socket, WEBSOCKET_PROTOCOL_ERROR, b"a fragment is out of order")
    if code == TEXT:
        return _fail(socket, WEBSOCKET_UNSUPPORTED, b"a frame is text, AMQP is binary")
    return 0


cdef inline size_t _head_size(const websocket_t *socket) noexcept nogil:
    """Octets of the whole header: two, the length's, the mask's."""
    cdef uint8_t short_length = socket.head[1] & 0x7F
    if socket.head_length < 2:
        return 2
    return 6 + (8 if short_length == 127 else 2 if short_length == 126 else 0)


cdef int _start_frame(websocket_t *socket) noexcept nogil:
    """The header is complete: how long the payload is."""
    cdef size_t width = _head_size(socket) - 6
    cdef uint64_t length = socket.head[1] & 0x7F
    cdef size_t i
    if width:
        length = 0
        for i in range(width):
            length = (length << 8) | socket.head[2 + i]
        if length < 126 or (width == 8 and length <= 0xFFFF) or length >> 63:
            return _fail(socket, WEBSOCKET_PROTOCOL_ERROR, b"a frame's length is not written in its shortest form")
        if length > WEBSOCKET_MAX_FRAME:
            return _fail(socket, WEBSOCKET_TOO_LARGE, b"a frame is longer than 2147483647 octets")
    socket.left = length
    socket.mask_at = 0
    socket.control_length = 0
    socket.in_frame = True
    return 0


cdef size_t _take_head(websocket_t *socket, const uint8_t *data, size_t length) noexcept nogil:
    """Octets taken for the header."""
    cdef size_t taken = 0
    while taken < length:
        socket.head[socket.head_length] = data[taken]
        socket.head_length += 1
        taken += 1
        if socket.head_length == 2 and _check_start(socket) != 0:
            return taken
        if socket.head_length == _head_size(socket):    # never 2: the mask follows
            _start_frame(socket)
            return taken
    return taken


cdef void _unmask(uint8_t *out, const uint8_t *data, size_t length, const uint8_t *mask, uint8_t at) noexcept nogil:
    """`out` may be `data`, or lie before it."""
    cdef uint8_t eight[8]
    cdef uint64_t key, word
    cdef size_t i = 0
    for i in range(8):
        eight[i] = mask[(at + i) & 3]
    memcpy(&key, eight, 8)
    i = 0
    while i + 8 <= length:
        memcpy(&word, data + i, 8)
        word ^= key
        memcpy(out + i, &word, 8)
        i += 8
    while i < length:
        out[i] = data[i] ^ eight[i & 7]
        i += 1


cdef bint _is_text(const uint8_t *at, size_t length) noexcept nogil:
    """Whether these octets are UTF-8 (RFC 3629)."""
    cdef const uint8_t *end = at + length
    cdef uint8_t first
    cdef int more
    while at < end:
        first = at[0]
        at += 1
        if first < 0x80:
            continue
        if first < 0xC2 or first > 0xF4:
            return False
        more = 1 if first < 0xE0 else 2 if first < 0xF0 else 3
        if end - at < more:
            return False
        if (first == 0xE0 and at[0] < 0xA0) or (first == 0xED and at[0] > 0x9F):
            return False
        if (first == 0xF0 and at[0] < 0x90) or (first == 0xF4 and at[0] > 0x8F):
            return False
        while more:
            if at[0] & 0xC0 != 0x80:
                return False
            at += 1
            more -= 1
    return True


cdef bint _is_close_code(uint16_t code) noexcept nogil:
    """Whether a peer may send it (RFC 6455 §7.4, and what IANA has registered since)."""
    return 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999


cdef void _closed(websocket_t *socket) noexcept nogil:
    cdef uint16_t code
    if socket.control_length == 1:
        _fail(socket, WEBSOCKET_PROTOCOL_ERROR, b"a close frame has half a code")
        return
    socket.code = 0
    if socket.control_length:
        code = (<uint16_t>socket.control[0] << 8) | socket.control[1]
        if not _is_close_code(code):
            _fail(socket, WEBSOCKET_PROTOCOL_ERROR, b"a close frame has a code that may not be sent")
            return
        if not _is_text(socket.control + 2, socket.control_length - 2):
            _fail(socket, WEBSOCKET_INVALID_TEXT, b"a close frame's reason is not UTF-8")
            return
        socket.code = code
    socket.close_received = True
    socket.ended = True


cdef void _end_frame(websocket_t *socket) noexcept nogil:
    cdef uint8_t code = _opcode(socket)
    socket.in_frame = False
    socket.head_length = 0
    if code < CLOSE:
        socket.fragmented = not socket.head[0] & FIN
    elif code == CLOSE:
        _closed(socket)
    elif code == PING:                      # only the latest need be answered (§5.5.3): a flood takes no memory
        memcpy(socket.pong, socket.control, socket.control_length)
        socket.pong_length = socket.control_length
        socket.pong_due = True


cdef size_t websocket_decode(websocket_t *socket, uint8_t *data, size_t length) noexcept nogil:
    cdef uint8_t *at = data
    cdef uint8_t *end = data + length
    cdef uint8_t *out = data
    cdef const uint8_t *mask
    cdef size_t part
    while not socket.ended:
        if not socket.in_frame:
            if at == end:
                break
            at += _take_head(socket, at, end - at)
            if socket.ended or not socket.in_frame:
                break
        part = min(<size_t>(end - at), <size_t>socket.left)
        mask = &socket.head[socket.head_length - 4]
        if _opcode(socket) >= CLOSE:
            _unmask(socket.control + socket.control_length, at, part, mask, socket.mask_at)
            socket.control_length += part
        else:
            _unmask(out, at, part, mask, socket.mask_at)
            out += part
        at += part
        socket.left -= part
        socket.mask_at = (socket.mask_at + part) & 3
        if socket.left:
            break
        _end_frame(socket)
    return out - data


# ---- what is sent

cdef size_t websocket_head(uint8_t *payload, uint64_t length) noexcept nogil:
    cdef size_t width = 0 if length < 126 else 2 if length <= 0xFFFF else 8
    cdef uint8_t *at = payload - 2 - width
    cdef size_t i
    at[0] = FIN | BINARY
    at[1] = <uint8_t>length if not width else 126 if width == 2 else 127
    for i in range(width):
        at[2 + i] = (length >> (8 * (width - 1 - i))) & 0xFF
    return 2 + width


cdef size_t websocket_pong(websocket_t *socket, uint8_t *frame) noexcept nogil:
    if not socket.pong_due:
        return 0
    socket.pong_due = False
    frame[0] = FIN | PONG
    frame[1] = socket.pong_length
    memcpy(frame + 2, socket.pong, socket.pong_length)
    return 2 + <size_t>socket.pong_length


cdef size_t websocket_close(websocket_t *socket, uint16_t code, uint8_t *frame) noexcept nogil:
    socket.close_sent = True
    socket.pong_due = False                 # nothing may follow a close
    if socket.ended:
        code = socket.code
    frame[0] = FIN | CLOSE
    frame[1] = 2 if code else 0
    frame[2] = code >> 8
    frame[3] = code & 0xFF
    return 2 + <size_t>frame[1]


# ---- the Python face

cdef class WebSocket:
    """The same for tests and tools; the engine uses websocket_t instead."""

    cdef websocket_t socket

    def __init__(self):
        memset(&self.socket, 0, sizeof(websocket_t))

    def decode(self, bytes octets not None):
        """The payload that has arrived with these octets."""
        work = bytearray(octets)
        cdef uint8_t[::1] view = work
        cdef uint8_t empty = 0
        cdef size_t length = websocket_decode(&self.socket, &view[0] if view.shape[0] else &empty, view.shape[0])
        return bytes(work[:length])

    def frame(self, bytes payload not None):
        """A binary frame that carries this payload."""
        cdef uint8_t head[WEBSOCKET_HEAD]
        cdef size_t size = websocket_head(head + WEBSOCKET_HEAD, len(payload))
        return head[WEBSOCKET_HEAD - size : WEBSOCKET_HEAD] + payload

    def pong(self):
        """The pong frame that is due; empty if none is."""
        cdef uint8_t frame[WEBSOCKET_CONTROL]
        cdef size_t size = websocket_pong(&self.socket, frame)
        return frame[:size]

    def close(self, uint16_t code):
        """Our close frame; `code` counts if neither the peer's close nor an error has one."""
        cdef uint8_t frame[WEBSOCKET_CONTROL]
        cdef size_t size = websocket_close(&self.socket, code, frame)
        return frame[:size]

    @property
    def ended(self):
        """Whether a close or an error has ended the stream."""
        return self.socket.ended

    @property
    def end(self):
        """(code, text of the error or None) of the end; code 0: the peer gave none."""
        return self.socket.code, None if self.socket.error == NULL else self.socket.error.decode()
