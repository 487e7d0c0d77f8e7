"""Native face of WebSocket framing (RFC 6455), server side: octets of the peer's frames in, headers and control frames out.

A `websocket_t` knows no socket. Data frames are one stream of octets, as AMQP over WebSocket wants it: where messages begin and
end says nothing, so nothing is ever collected but a header and a control frame.
"""

from libc.stdint cimport uint8_t, uint16_t, uint64_t

cdef enum:
    WEBSOCKET_HEAD = 10         # octets of the longest header we write
    WEBSOCKET_CONTROL = 127     # octets of the longest control frame we write, with its header
    WEBSOCKET_MAX_FRAME = 0x7FFFFFFF    # payload octets; longer than any AMQP frame

cdef enum websocket_code:       # RFC 6455 §7.4.1
    WEBSOCKET_NORMAL = 1000
    WEBSOCKET_PROTOCOL_ERROR = 1002
    WEBSOCKET_UNSUPPORTED = 1003
    WEBSOCKET_INVALID_TEXT = 1007
    WEBSOCKET_POLICY = 1008
    WEBSOCKET_TOO_LARGE = 1009

cdef struct websocket_t:
    uint64_t left               # payload octets of the current frame that are still to come
    uint8_t head[14]            # the current frame's header, as far as it has arrived
    uint8_t head_length
    uint8_t mask_at             # octets of the payload so far, modulo 4
    bint in_frame               # the header is complete
    bint fragmented             # the last data frame was not the last of its message
    uint8_t control[125]        # payload of a control frame, as far as it has arrived
    uint8_t control_length
    uint8_t pong[125]           # the latest ping's payload, to be sent back
    uint8_t pong_length
    bint pong_due
    bint ended                  # a close or an error: nothing that follows is looked at
    bint close_received
    bint close_sent             # or queued
    uint16_t code               # why it ended: the peer's close code (0: it gave none), or that of the error
    const char *error           # NULL: no error; constant

# Moves the payload of data frames, unmasked, to the front of `data` and returns its length.
cdef size_t websocket_decode(websocket_t *socket, uint8_t *data, size_t length) noexcept nogil
# Writes a binary frame's header so that it ends right before `payload`; returns its length, at most WEBSOCKET_HEAD.
cdef size_t websocket_head(uint8_t *payload, uint64_t length) noexcept nogil
# Writes the pong that is due, 0 octets if none is.
cdef size_t websocket_pong(websocket_t *socket, uint8_t *frame) noexcept nogil
# Writes our close: the peer's code if it has closed, the error's code, or `code`.
cdef size_t websocket_close(websocket_t *socket, uint16_t code, uint8_t *frame) noexcept nogil
