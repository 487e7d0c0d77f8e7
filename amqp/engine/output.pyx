"""Octets from proton, or from the handshake, to the socket.

The socket may take less than it is offered: what proton has let go of is kept until it is writable again. On a WebSocket
each write is a frame, and the octets that are kept end with a whole one: control frames go in behind them.
"""

from libc.stdint cimport uint8_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memmove, strlen
from posix.unistd cimport close

from skrouter.amqp.engine.connection cimport connection_broken
from skrouter.amqp.engine.model cimport CLOSE_TIME, GATHER_BELOW, connection_t
from skrouter.amqp.engine.octets cimport put_u32
from skrouter.amqp.engine.poller cimport SCRATCH, engine_arm
from skrouter.amqp.engine.proton_api cimport *
from skrouter.amqp.engine.stream cimport STREAM_ERROR, STREAM_OUT, stream_want, stream_write
from skrouter.amqp.engine.trace cimport trace_octets
from skrouter.amqp.engine.websocket cimport (
    WEBSOCKET_CONTROL,
    WEBSOCKET_HEAD,
    WEBSOCKET_NORMAL,
    WEBSOCKET_POLICY,
    websocket_close,
    websocket_head,
    websocket_pong,
)

cdef enum:
    PONG_BELOW = 4096           # octets kept: a peer that pings and does not read gets no pong


cdef bint keep_output(connection_t *connection, const void *data, size_t length) noexcept nogil:
    """Keep octets for the socket behind those already kept."""
    cdef uint8_t *grown
    if connection.out_offset and connection.out_length:
        memmove(connection.out, connection.out + connection.out_offset, connection.out_length)
    connection.out_offset = 0
    if connection.out_length + length > connection.out_capacity:
        grown = <uint8_t *>realloc(connection.out, connection.out_length + length)
        if grown == NULL:
            return False
        connection.out = grown
        connection.out_capacity = connection.out_length + length
    memcpy(connection.out + connection.out_length, data, length)
    connection.out_length += length
    return True


cdef bint keep_message(connection_t *connection, const void *data, size_t length) noexcept nogil:
    """The same, in a frame of its own where the connection is a WebSocket."""
    cdef uint8_t head[WEBSOCKET_HEAD]
    cdef size_t size
    if connection.websocket != NULL:
        size = websocket_head(head + WEBSOCKET_HEAD, length)
        if not keep_output(connection, head + WEBSOCKET_HEAD - size, size):
            return False
    return keep_output(connection, data, length)


cdef void _keep_pong(connection_t *connection) noexcept nogil:
    cdef uint8_t frame[WEBSOCKET_CONTROL]
    cdef size_t size = websocket_pong(connection.websocket, frame)
    if not keep_output(connection, frame, size):
        connection.broken = True


cdef bint say_goodbye(connection_t *connection) noexcept nogil:
    """Queue a WebSocket's close behind all else, once; True if nothing is left to be sent."""
    cdef uint8_t frame[WEBSOCKET_CONTROL]
    cdef size_t size
    if connection.websocket == NULL:
        return True
    if not connection.websocket.close_sent:
        connection.lingers = not connection.websocket.close_received
        connection.closing = True
        engine_arm(connection.engine, &connection.alarm, connection.engine.now + CLOSE_TIME)
        size = websocket_close(
            connection.websocket, WEBSOCKET_POLICY if connection.condition[0] else WEBSOCKET_NORMAL, frame)
        if not keep_output(connection, frame, size):
            return True
    return send_kept(connection) or connection.broken


cdef ssize_t _write(connection_t *connection, const void *data, size_t length) noexcept nogil:
    """Octets the socket took, 0 if it takes none now."""
    cdef ssize_t taken = stream_write(&connection.stream, data, length)
    if taken == STREAM_ERROR:
        connection_broken(connection)
    if taken <= 0:
        return 0
    connection.octets_out += taken
    return taken


cdef bint send_kept(connection_t *connection) noexcept nogil:
    """Send what is kept; True if nothing is left."""
    cdef ssize_t taken
    if connection.websocket != NULL and connection.websocket.pong_due and connection.out_length < PONG_BELOW:
        _keep_pong(connection)
    if connection.out_length:
        taken = _write(connection, connection.out + connection.out_offset, connection.out_length)
        connection.out_offset += taken
        connection.out_length -= taken
    if connection.out_length:
        stream_want(&connection.stream, connection.stream.wants | STREAM_OUT)
        return False
    if connection.out_capacity:             # an idle connection keeps no buffer
        free(connection.out)
        connection.out = NULL
        connection.out_capacity = connection.out_offset = 0
    stream_want(&connection.stream, connection.stream.wants & ~STREAM_OUT)
    return True


cdef bint send_output(connection_t *connection) noexcept nogil:
    """One write of proton's output; True if it may be worth coming back at once."""
    cdef bint waited = connection.output_waits
    cdef ssize_t pending
    if not send_kept(connection):
        return False
    pending = pn_transport_pending(connection.transport)
    connection.output_waits = pending > 0
    if pending <= 0:
        if connection.trace != NULL:
            connection.trace.outgoing.adrift = False        # proton has let go of whole frames only
        return (connection.close_due and _keep_close(connection)) or waited
    if pending >= GATHER_BELOW and connection.websocket == NULL:
        return _send_head(connection, pending)
    return _send_gathered(connection, pending)


cdef size_t _put_text(uint8_t *at, uint8_t code, const char *text) noexcept nogil:
    """A short string or symbol; longer texts are cut."""
    cdef size_t length = min(strlen(text), <size_t>200)
    at[0] = code
    at[1] = <uint8_t>length
    memcpy(at + 2, text, length)
    return length + 2


cdef bint _keep_close(connection_t *connection) noexcept nogil:
    """Proton writes no close before it has read the peer's open; the peer is to learn the reason all the same.

    close(error=error(condition, description)), AMQP 1.0 §2.7.9.
    """
    cdef uint8_t frame[512]
    cdef size_t length = 8
    connection.close_due = False
    memcpy(frame + length, b"\x00\x53\x18\xd0\x00\x00\x00\x00\x00\x00\x00\x01\x00\x53\x1d\xd0\x00\x00\x00\x00\x00\x00\x00\x02", 24)
    length += 24
    length += _put_text(frame + length, 0xA3, connection.condition)
    length += _put_text(frame + length, 0xA1, connection.description)
    put_u32(frame + 12, length - 16)
    put_u32(frame + 24, length - 28)
    put_u32(frame, length)
    memcpy(frame + 4, b"\x02\x00\x00\x00", 4)
    if connection.trace != NULL:
        trace_octets(connection.trace, True, frame, length)
    return keep_message(connection, frame, length)


cdef bint _send_head(connection_t *connection, ssize_t pending) noexcept nogil:
    cdef ssize_t taken = _write(connection, pn_transport_head(connection.transport), pending)
    if connection.trace != NULL:
        trace_octets(connection.trace, True, <const uint8_t *>pn_transport_head(connection.transport), taken)
    pn_transport_pop(connection.transport, taken)
    if taken < pending:
        stream_want(&connection.stream, connection.stream.wants | STREAM_OUT)
        return False
    return True


cdef bint _send_gathered(connection_t *connection, ssize_t pending) noexcept nogil:
    """Copy several small heads together: with 16 KiB frames one send for each would cost more than the copy.

    On a WebSocket they become one frame, whatever their size: what is begun must be sent or kept as a whole.
    """
    cdef uint8_t *buffer = connection.engine.write_scratch + WEBSOCKET_HEAD
    cdef size_t length = _gather(connection, buffer, pending)
    cdef size_t head
    cdef ssize_t taken
    if connection.websocket != NULL:
        head = websocket_head(buffer, length)
        buffer -= head
        length += head
    taken = _write(connection, buffer, length)
    if taken == <ssize_t>length:
        return True
    if not connection.broken and not keep_output(connection, buffer + taken, length - taken):
        connection.broken = True
    connection.output_waits = True
    stream_want(&connection.stream, connection.stream.wants | STREAM_OUT)
    return False


cdef size_t _gather(connection_t *connection, uint8_t *buffer, ssize_t pending) noexcept nogil:
    """Take from proton what fits the shared buffer; returns its length."""
    cdef size_t length = 0
    cdef size_t part
    while pending > 0 and length < SCRATCH - WEBSOCKET_HEAD:
        part = min(<size_t>pending, SCRATCH - WEBSOCKET_HEAD - length)
        memcpy(buffer + length, pn_transport_head(connection.transport), part)
        pn_transport_pop(connection.transport, part)
        length += part
        pending = pn_transport_pending(connection.transport)
    connection.output_waits = pending > 0
    if connection.trace != NULL:
        trace_octets(connection.trace, True, buffer, length)
    return length
