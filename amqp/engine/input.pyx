"""Octets from the socket: TCP connect, TLS, the handshake that control speaks, then frames through the guard into proton.

On a connection that is a WebSocket, both see the payload of its frames only.
"""

from libc.stdint cimport uint32_t, uint8_t
from libc.stdlib cimport realloc
from libc.string cimport memcpy

from skrouter.amqp.engine.connection cimport connection_broken, connection_fail, connection_wake
from skrouter.amqp.engine.guard cimport (
    GUARD_FRAME_TOO_LARGE,
    GUARD_OK,
    guard_condition,
    guard_explain,
    guard_scan,
)
from skrouter.amqp.engine.model cimport (
    HANDSHAKE_READ,
    PHASE_AMQP,
    PHASE_CONNECTING,
    PHASE_HANDSHAKE,
    PHASE_LINGER,
    PHASE_SNIFF,
    PHASE_TLS,
    TEXT_SIZE,
    connection_t,
)
from skrouter.amqp.engine.poller cimport SCRATCH, engine_post, watch_t
from skrouter.amqp.engine.proton_api cimport *
from skrouter.amqp.engine.stream cimport (
    STREAM_DONE,
    STREAM_ERROR,
    STREAM_IN,
    STREAM_OUT,
    stream_buffered,
    stream_connect_error,
    stream_handshake,
    stream_read,
    stream_want,
)
from skrouter.amqp.engine.tls cimport tls_facts, tls_free
from skrouter.amqp.engine.trace cimport trace_end, trace_octets
from skrouter.amqp.engine.websocket cimport websocket_decode

cdef extern from "sys/socket.h" nogil:
    enum:
        MSG_PEEK
    ssize_t recv(int fd, void *buffer, size_t size, int flags)

cdef enum event_number:         # positions in skrouter.amqp.events.EVENTS
    STREAM_READY = 1
    HANDSHAKE_RECEIVED = 2

cdef enum:
    TLS_RECORD = 0x16           # first octet of a TLS client's first record


cdef void on_ready(watch_t *watch, uint32_t events) noexcept nogil:
    cdef connection_t *connection = <connection_t *>watch.owner
    if connection.phase == PHASE_CONNECTING:
        _connected(connection)
    elif connection.phase == PHASE_SNIFF:
        _sniff(connection)
    elif connection.phase == PHASE_TLS:
        _shake_hands(connection)
    elif connection.phase == PHASE_LINGER:
        _discard(connection)
    else:
        if events != STREAM_OUT or connection.stream.tls != NULL:
            _read(connection)
        if events & STREAM_OUT:
            connection_wake(connection)


cdef void _connected(connection_t *connection) noexcept nogil:
    if stream_connect_error(&connection.stream):
        connection_broken(connection)
    elif connection.stream.tls != NULL:
        begin_tls(connection)
    else:
        ready_for_handshake(connection)


cdef void begin_tls(connection_t *connection) noexcept nogil:
    connection.phase = PHASE_TLS
    stream_want(&connection.stream, STREAM_IN)
    _shake_hands(connection)


cdef void _sniff(connection_t *connection) noexcept nogil:
    """TLS is offered but not required: a TLS record or plain AMQP, by the first octet."""
    cdef uint8_t first = 0
    cdef ssize_t size = recv(connection.stream.watch.fd, &first, 1, MSG_PEEK)
    if size == 1 and first == TLS_RECORD:
        connection.phase = PHASE_TLS
        _shake_hands(connection)
        return
    tls_free(connection.stream.tls)
    connection.stream.tls = NULL
    ready_for_handshake(connection)


cdef void _shake_hands(connection_t *connection) noexcept nogil:
    cdef int result = stream_handshake(&connection.stream)
    if result == STREAM_ERROR:
        connection_broken(connection)
    elif result == STREAM_DONE:
        ready_for_handshake(connection)
        if stream_buffered(&connection.stream):
            _read(connection)


cdef void ready_for_handshake(connection_t *connection) noexcept nogil:
    connection.phase = PHASE_HANDSHAKE
    stream_want(&connection.stream, STREAM_IN)
    with gil:
        facts = None if connection.stream.tls == NULL else tls_facts(connection.stream.tls)
        engine_post(connection.engine, (STREAM_READY, connection.handle, facts))


cdef void _read(connection_t *connection) noexcept nogil:
    """One read, or as many as TLS has decrypted already: the poller does not report those."""
    cdef int turns = 0
    while turns < 16 and not connection.broken and not connection.ended:
        turns += 1
        if connection.phase == PHASE_HANDSHAKE:
            _read_handshake(connection)
        elif connection.phase == PHASE_AMQP:
            _read_frames(connection)
        else:
            return
        if not stream_buffered(&connection.stream):
            return


cdef bint _arrived(connection_t *connection, ssize_t size) noexcept nogil:
    """Whether the read gave octets; else the connection knows what it was."""
    if size > 0:
        connection.octets_in += size
        return True
    if size == STREAM_ERROR:
        connection_broken(connection)
    elif size == 0:
        connection.ended = True
        if connection.trace != NULL:
            trace_end(connection.trace, False)
        if connection.transport != NULL:
            pn_transport_close_tail(connection.transport)
        connection_wake(connection)
    return False


cdef void _read_handshake(connection_t *connection) noexcept nogil:
    cdef uint8_t *buffer = connection.engine.read_scratch
    cdef ssize_t size = stream_read(&connection.stream, buffer, HANDSHAKE_READ)
    if not _arrived(connection, size):
        return
    if connection.websocket != NULL:
        take_websocket(connection, buffer, size)
    else:
        _hand_up(connection, buffer, size)


cdef void _hand_up(connection_t *connection, uint8_t *data, size_t length) noexcept nogil:
    with gil:
        engine_post(connection.engine, (HANDSHAKE_RECEIVED, connection.handle, (<char *>data)[:length]))


cdef void take_websocket(connection_t *connection, uint8_t *data, size_t length) noexcept nogil:
    cdef size_t payload = websocket_decode(connection.websocket, data, length)
    if payload:
        _hand_up(connection, data, payload)
    _look_at_websocket(connection)


cdef void _look_at_websocket(connection_t *connection) noexcept nogil:
    """What its frames asked for, beside their payload: a pong, an end."""
    connection_wake(connection)
    if not connection.websocket.ended or connection.ended:
        return
    connection.ended = True
    if connection.websocket.error != NULL:
        stream_want(&connection.stream, 0)  # nothing that follows is looked at
        connection_fail(connection, b"amqp:connection:framing-error", connection.websocket.error)
    elif connection.transport != NULL:
        pn_transport_close_tail(connection.transport)


cdef void _read_frames(connection_t *connection) noexcept nogil:
    """Read behind the octets kept from last time, then pass on what the guard lets through."""
    cdef uint8_t *buffer = connection.engine.read_scratch
    cdef uint32_t kept = connection.carry_length
    cdef ssize_t size
    if kept:
        memcpy(buffer, connection.carry, kept)
    size = stream_read(&connection.stream, buffer + kept, SCRATCH - kept)
    if not _arrived(connection, size):
        return
    if connection.websocket == NULL:
        connection.carry_length = 0
        take_frames(connection, buffer, kept + size)
        return
    size = websocket_decode(connection.websocket, buffer + kept, size)
    if size:
        connection.carry_length = 0
        take_frames(connection, buffer, kept + size)
    _look_at_websocket(connection)


cdef void take_frames(connection_t *connection, uint8_t *data, size_t length) noexcept nogil:
    cdef size_t passable = 0
    cdef int error = guard_scan(&connection.guard, data, length, &passable)
    if connection.trace != NULL:
        trace_octets(connection.trace, False, data, passable)
    if not _push(connection, data, passable):
        connection.ended = True             # proton has closed its tail: it has an error to send
    elif error == GUARD_OK and length > passable:
        error = _carry(connection, data + passable, length - passable)
    if error != GUARD_OK:
        _refuse(connection, error)
    connection_wake(connection)


cdef bint _push(connection_t *connection, const uint8_t *data, size_t length) noexcept nogil:
    """Give octets to proton, which takes them in slices of its buffer. False: it takes no more."""
    cdef ssize_t taken
    while length:
        taken = pn_transport_push(connection.transport, <const char *>data, length)
        if taken <= 0:
            return False
        data += taken
        length -= taken
    return True


cdef int _carry(connection_t *connection, const uint8_t *data, size_t length) noexcept nogil:
    """Keep an unfinished frame for the next read; only a frame without payload can be too large for that."""
    cdef uint8_t *grown
    if length >= SCRATCH:
        return GUARD_FRAME_TOO_LARGE
    if length > connection.carry_capacity:
        grown = <uint8_t *>realloc(connection.carry, length)
        if grown == NULL:
            return GUARD_FRAME_TOO_LARGE
        connection.carry = grown
        connection.carry_capacity = length
    memcpy(connection.carry, data, length)
    connection.carry_length = length
    return GUARD_OK


cdef void _refuse(connection_t *connection, int error) noexcept nogil:
    cdef char text[TEXT_SIZE]
    guard_explain(&connection.guard, text, TEXT_SIZE)
    connection.ended = True                 # nothing that follows a bad frame is looked at
    stream_want(&connection.stream, 0)
    connection_fail(connection, guard_condition(error), text)


cdef void _discard(connection_t *connection) noexcept nogil:
    cdef ssize_t size = stream_read(&connection.stream, connection.engine.read_scratch, SCRATCH)
    if size == 0 or size == STREAM_ERROR:
        connection.broken = True
        connection_wake(connection)
