"""AMQP connections over proton's engine: accept and connect, hand the handshake up, then pump frames.

    socket -> stream (TLS) -> control (SASL) ............ before authentication
    socket -> stream (TLS) -> guard -> proton -> events -> protocol layer, control
    socket <- stream (TLS) <- proton <- protocol layer, control

Reading only feeds proton; everything that follows happens once at the end of the poller's pass, in `_run`, so that one
batch of reads becomes one batch of writes.
"""

cimport cython
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcpy, memmove, strlen, strncpy
from posix.unistd cimport close

from skrouter.amqp.engine.guard cimport (
    GUARD_FRAME_TOO_LARGE,
    GUARD_OK,
    guard_condition,
    guard_explain,
    guard_init,
    guard_scan,
)
from skrouter.amqp.engine.poller cimport (
    HANDLE_CONNECTION,
    HANDLE_LISTENER,
    SCRATCH,
    engine_arm,
    engine_defer,
    engine_disarm,
    engine_find,
    engine_forget,
    engine_name,
    engine_post,
    engine_undefer,
    engine_unwatch,
    engine_watch,
)
from skrouter.amqp.engine.proton_api cimport *
from skrouter.amqp.engine.stream cimport (
    STREAM_AGAIN,
    STREAM_DONE,
    STREAM_ERROR,
    STREAM_IN,
    STREAM_OUT,
    stream_buffered,
    stream_close,
    stream_connect_error,
    stream_end_output,
    stream_handshake,
    stream_open,
    stream_read,
    stream_reason,
    stream_start_tls,
    stream_want,
    stream_write,
)
from skrouter.amqp.engine.tls cimport TlsContext, tls_facts, tls_free

from skrouter.amqp import _proton


cdef extern from "sys/socket.h" nogil:
    enum:
        MSG_PEEK
        SOCK_NONBLOCK
        SOCK_CLOEXEC
    ctypedef unsigned int socklen_t
    struct sockaddr:
        pass
    struct sockaddr_storage:
        pass
    int accept4(int fd, sockaddr *address, socklen_t *size, int flags)
    int getpeername(int fd, sockaddr *address, socklen_t *size)
    int setsockopt(int fd, int level, int option, const void *value, socklen_t size)
    ssize_t recv(int fd, void *buffer, size_t size, int flags)

cdef extern from "netinet/tcp.h" nogil:
    enum:
        IPPROTO_TCP
        TCP_NODELAY

cdef extern from "netdb.h" nogil:
    enum:
        NI_NUMERICHOST
        NI_NUMERICSERV
        NI_MAXHOST
        NI_MAXSERV
    int getnameinfo(const sockaddr *address, socklen_t size, char *host, socklen_t host_size,
                    char *service, socklen_t service_size, int flags)

cdef enum event_number:         # positions in skrouter.amqp.events.EVENTS
    CONNECTION_ACCEPTED = 0
    STREAM_READY = 1
    HANDSHAKE_RECEIVED = 2
    CONNECTION_OPENED = 3
    CONNECTION_CLOSED = 4
    CONNECTION_LOST = 5

cdef enum:
    TLS_RECORD = 0x16           # first octet of a TLS client's first record
    ACCEPTS_PER_PASS = 64


def _check_numbers():
    """Refuse to start if proton's numbers are not the ones declared in proton_api.h."""
    ours = {
        "PN_CONNECTION_REMOTE_OPEN": PN_CONNECTION_REMOTE_OPEN,
        "PN_CONNECTION_REMOTE_CLOSE": PN_CONNECTION_REMOTE_CLOSE,
        "PN_SESSION_REMOTE_OPEN": PN_SESSION_REMOTE_OPEN,
        "PN_SESSION_REMOTE_CLOSE": PN_SESSION_REMOTE_CLOSE,
        "PN_LINK_REMOTE_OPEN": PN_LINK_REMOTE_OPEN,
        "PN_LINK_REMOTE_CLOSE": PN_LINK_REMOTE_CLOSE,
        "PN_LINK_REMOTE_DETACH": PN_LINK_REMOTE_DETACH,
        "PN_LINK_FLOW": PN_LINK_FLOW,
        "PN_DELIVERY": PN_DELIVERY,
        "PN_TRANSPORT_ERROR": PN_TRANSPORT_ERROR,
        "PN_RECEIVED": PN_RECEIVED,
        "PN_ACCEPTED": PN_ACCEPTED,
        "PN_REJECTED": PN_REJECTED,
        "PN_RELEASED": PN_RELEASED,
        "PN_MODIFIED": PN_MODIFIED,
        "PN_COORDINATOR": PN_COORDINATOR,
    }
    for name, number in ours.items():
        found = getattr(_proton.lib, name, number)
        if found != number:
            raise ImportError(f"proton's {name} is {found}, not {number}: this build does not fit the library")


_check_numbers()


# --- small helpers

cdef bytes encoded_data(pn_data_t *data):
    """The AMQP encoding of a proton value; empty if there is none."""
    cdef ssize_t size = pn_data_encoded_size(data) if pn_data_size(data) else 0
    if size <= 0:
        return b""
    encoded = bytes(size)
    pn_data_rewind(data)
    pn_data_encode(data, <char *>encoded, size)
    return encoded


cdef int decode_into(pn_data_t *data, bytes encoded) except -1:
    """Put AMQP octets into a proton value. Raises ValueError if they are none."""
    cdef ssize_t used
    if not encoded:
        return 0
    used = pn_data_decode(data, <const char *>encoded, len(encoded))
    if used != len(encoded):
        raise ValueError("not one AMQP value")
    pn_data_rewind(data)
    return 0


cdef object _text(const char *text):
    return None if text == NULL else text.decode("utf-8", "replace")


cdef str _peer(int fd):
    """`host:port` of the other end, '' if there is none any more."""
    cdef sockaddr_storage address
    cdef socklen_t size = sizeof(address)
    cdef char host[NI_MAXHOST]
    cdef char service[NI_MAXSERV]
    if getpeername(fd, <sockaddr *>&address, &size) != 0:
        return ""
    if getnameinfo(<sockaddr *>&address, size, host, sizeof(host), service, sizeof(service),
                   NI_NUMERICHOST | NI_NUMERICSERV) != 0:
        return ""
    name = host.decode()
    return f"[{name}]:{service.decode()}" if ":" in name else f"{name}:{service.decode()}"


cdef void _no_delay(int fd) noexcept nogil:
    cdef int on = 1
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on))


cdef protocol_t *_protocol(connection_t *connection) noexcept nogil:
    return <protocol_t *>connection.engine.protocol


# --- life of a connection

cdef connection_t *_new_connection(engine_t *engine, int fd, bint incoming) noexcept nogil:
    """A connection on this descriptor, not watching anything yet; NULL (descriptor closed) without memory."""
    cdef connection_t *connection = <connection_t *>calloc(1, sizeof(connection_t))
    if connection == NULL:
        close(fd)
        return NULL
    connection.engine = engine
    connection.incoming = incoming
    connection.alarm.owner = connection.task.owner = connection
    connection.alarm.due = _on_alarm
    connection.task.run = _run
    connection.handle = engine_name(engine, HANDLE_CONNECTION, connection)
    connection.opened_at = engine.now
    _no_delay(fd)
    if stream_open(&connection.stream, engine, fd, _on_ready, connection, 0 if incoming else STREAM_OUT) != 0:
        connection.broken = True
        engine_defer(engine, &connection.task)
    return connection


cdef void connection_wake(connection_t *connection) noexcept nogil:
    """Something waits to be given to proton, or proton has output: look at it at the end of the pass."""
    engine_defer(connection.engine, &connection.task)


cdef void _set_reason(connection_t *connection, const char *condition, const char *description) noexcept nogil:
    """Keep the first reason only: what follows is its consequence."""
    if connection.condition[0] != 0:
        return
    strncpy(connection.condition, condition, TEXT_SIZE - 1)
    if description != NULL:
        strncpy(connection.description, description, TEXT_SIZE - 1)


cdef void connection_fail(connection_t *connection, const char *condition, const char *description) noexcept nogil:
    """Close with an error: the peer gets a close frame where AMQP has begun, then the end of the stream."""
    cdef pn_condition_t *local
    _set_reason(connection, condition, description)
    if connection.phase == PHASE_AMQP:
        local = pn_connection_condition(connection.pn)
        if not pn_condition_is_set(local):
            pn_condition_set_name(local, connection.condition)
            pn_condition_set_description(local, connection.description)
        if not connection.opened:
            pn_connection_open(connection.pn)
            connection.opened = True
        pn_connection_close(connection.pn)
        connection.close_due = not connection.guard.opened
        engine_arm(connection.engine, &connection.alarm, connection.engine.now + CLOSE_TIME)
    elif connection.phase != PHASE_HANDSHAKE:
        connection.broken = True
    connection.closing = True
    connection_wake(connection)


cdef void _broken(connection_t *connection) noexcept nogil:
    """The socket failed: keep its reason and let the task end the connection."""
    cdef char reason[TEXT_SIZE]
    stream_reason(&connection.stream, reason, TEXT_SIZE)
    _set_reason(connection, b"amqp:connection:framing-error", reason)
    connection.broken = True
    connection_wake(connection)


cdef void _free_connection(connection_t *connection) noexcept nogil:
    """The end: tell the layer above, tell control, free everything. Only from the connection's own task."""
    cdef engine_t *engine = connection.engine
    connection.phase = PHASE_DEAD
    if connection.pn != NULL and engine.protocol != NULL:
        _protocol(connection).connection_lost(connection)
    engine_disarm(engine, &connection.alarm)
    engine_undefer(engine, &connection.task)
    stream_close(&connection.stream)
    with gil:
        engine_post(engine, (CONNECTION_LOST, connection.handle, _text(connection.condition),
                             _text(connection.description)))
    if connection.pn != NULL:
        pn_transport_unbind(connection.transport)
        pn_collector_release(connection.collector)
        pn_transport_free(connection.transport)
        pn_connection_free(connection.pn)
        pn_collector_free(connection.collector)
    engine_forget(engine, connection.handle)
    free(connection.carry)
    free(connection.out)
    free(connection)


cdef void _on_alarm(alarm_t *alarm) noexcept nogil:
    cdef connection_t *connection = <connection_t *>alarm.owner
    if connection.phase == PHASE_AMQP and not connection.closing:
        _tick(connection)
    else:
        connection.broken = True
    connection_wake(connection)


cdef void _tick(connection_t *connection) noexcept nogil:
    """Let proton look at its idle time-outs, and come back when it says so."""
    cdef int64_t deadline = pn_transport_tick(connection.transport, connection.engine.now)
    if deadline > 0:
        engine_arm(connection.engine, &connection.alarm, deadline)


# --- before AMQP

cdef void _on_ready(watch_t *watch, uint32_t events) noexcept nogil:
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
        _broken(connection)
    elif connection.stream.tls != NULL:
        connection.phase = PHASE_TLS
        stream_want(&connection.stream, STREAM_IN)
        _shake_hands(connection)
    else:
        _ready_for_handshake(connection)


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
    _ready_for_handshake(connection)


cdef void _shake_hands(connection_t *connection) noexcept nogil:
    cdef int result = stream_handshake(&connection.stream)
    if result == STREAM_ERROR:
        _broken(connection)
    elif result == STREAM_DONE:
        _ready_for_handshake(connection)
        if stream_buffered(&connection.stream):
            _read(connection)


cdef void _ready_for_handshake(connection_t *connection) noexcept nogil:
    connection.phase = PHASE_HANDSHAKE
    stream_want(&connection.stream, STREAM_IN)
    with gil:
        facts = None if connection.stream.tls == NULL else tls_facts(connection.stream.tls)
        engine_post(connection.engine, (STREAM_READY, connection.handle, facts))


# --- reading

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
        _broken(connection)
    elif size == 0:
        connection.ended = True
        if connection.transport != NULL:
            pn_transport_close_tail(connection.transport)
        connection_wake(connection)
    return False


cdef void _read_handshake(connection_t *connection) noexcept nogil:
    cdef uint8_t *buffer = connection.engine.read_scratch
    cdef ssize_t size = stream_read(&connection.stream, buffer, HANDSHAKE_READ)
    if not _arrived(connection, size):
        return
    with gil:
        engine_post(connection.engine, (HANDSHAKE_RECEIVED, connection.handle, (<char *>buffer)[:size]))


cdef void _read_frames(connection_t *connection) noexcept nogil:
    """Read behind the octets kept from last time, then pass on what the guard lets through."""
    cdef uint8_t *buffer = connection.engine.read_scratch
    cdef uint32_t kept = connection.carry_length
    cdef ssize_t size
    if kept:
        memcpy(buffer, connection.carry, kept)
    size = stream_read(&connection.stream, buffer + kept, SCRATCH - kept)
    if _arrived(connection, size):
        connection.carry_length = 0
        _take_frames(connection, buffer, kept + size)


cdef void _take_frames(connection_t *connection, uint8_t *data, size_t length) noexcept nogil:
    cdef size_t passable = 0
    cdef int error = guard_scan(&connection.guard, data, length, &passable)
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


# --- the task: events, output, end

cdef void _run(task_t *task) noexcept nogil:
    cdef connection_t *connection = <connection_t *>task.owner
    if connection.phase == PHASE_AMQP and not connection.broken:
        _pump(connection)
    elif connection.phase == PHASE_HANDSHAKE and not connection.broken:
        _send_kept(connection)
    if connection.broken or _is_over(connection):
        _end(connection)


cdef bint _is_over(connection_t *connection) noexcept nogil:
    if connection.phase == PHASE_AMQP:
        if connection.out_length or connection.close_due:
            return False
        return pn_transport_closed(connection.transport) or (
            connection.closing and (connection.answered or connection.ended)
            and pn_transport_pending(connection.transport) <= 0)
    if connection.phase == PHASE_HANDSHAKE:
        return connection.ended or (connection.closing and connection.out_length == 0)
    return False


cdef void _end(connection_t *connection) noexcept nogil:
    """Free the connection, or first let the peer read the close that it has not answered."""
    if connection.transport != NULL:
        _transport_failed(connection)       # its event may still wait behind an open that control has not answered
    if not connection.broken and connection.condition[0] != 0 and connection.phase != PHASE_LINGER:
        connection.phase = PHASE_LINGER
        stream_end_output(&connection.stream)
        stream_want(&connection.stream, STREAM_IN)
        engine_arm(connection.engine, &connection.alarm, connection.engine.now + LINGER_TIME)
        return
    _free_connection(connection)


cdef void _pump(connection_t *connection) noexcept nogil:
    """Events to their handlers, waiting deliveries to proton, proton's output to the socket, until all is quiet."""
    cdef int sends = SENDS_PER_PASS
    cdef bint sent = True
    while sent and sends > 0:
        sends -= 1
        _drain(connection)
        if connection.opened and not connection.closing and not connection.ended:
            _protocol(connection).write(connection)
        sent = _send(connection)
        if connection.broken:
            return
    _drain(connection)
    if sent:
        connection_wake(connection)
    if not connection.alarm.armed and not connection.closing:
        _tick(connection)


cdef void _drain(connection_t *connection) noexcept nogil:
    """Handle proton's events. The peer may send begin and attach before control has answered its open: those wait."""
    cdef pn_event_t *event = pn_collector_peek(connection.collector)
    while event != NULL:
        _handle_event(connection, event)
        pn_collector_pop(connection.collector)
        if not connection.opened and pn_connection_state(connection.pn) & PN_REMOTE_ACTIVE:
            return
        event = pn_collector_peek(connection.collector)


cdef void _handle_event(connection_t *connection, pn_event_t *event) noexcept nogil:
    cdef int type = pn_event_type(event)
    if type == PN_DELIVERY:
        _protocol(connection).delivery(connection, pn_event_delivery(event))
    elif type == PN_LINK_FLOW:
        _protocol(connection).link_flow(connection, pn_event_link(event))
    elif type == PN_LINK_REMOTE_OPEN:
        _protocol(connection).link_opened(connection, pn_event_link(event))
    elif type == PN_LINK_REMOTE_CLOSE:
        _protocol(connection).link_closed(connection, pn_event_link(event), False)
    elif type == PN_LINK_REMOTE_DETACH:
        _protocol(connection).link_closed(connection, pn_event_link(event), True)
    elif type == PN_SESSION_REMOTE_OPEN:
        _session_opened(connection, pn_event_session(event))
    elif type == PN_SESSION_REMOTE_CLOSE:
        _session_closed(connection, pn_event_session(event))
    elif type == PN_CONNECTION_REMOTE_OPEN:
        _remote_opened(connection)
    elif type == PN_CONNECTION_REMOTE_CLOSE:
        _remote_closed(connection)
    elif type == PN_TRANSPORT_ERROR:
        _transport_failed(connection)


cdef void _session_opened(connection_t *connection, pn_session_t *session) noexcept nogil:
    if not pn_session_state(session) & PN_LOCAL_UNINIT:
        return                              # the answer to a begin of ours
    pn_session_set_incoming_window_and_lwm(session, connection.session_window, 0)
    pn_session_open(session)


cdef void _session_closed(connection_t *connection, pn_session_t *session) noexcept nogil:
    _protocol(connection).session_closed(connection, session)
    pn_session_close(session)
    pn_session_free(session)


cdef void _remote_opened(connection_t *connection) noexcept nogil:
    cdef pn_connection_t *pn = connection.pn
    if not connection.opened:
        stream_want(&connection.stream, 0)  # read on when control has answered
    _tick(connection)                       # the peer's idle time-out counts from now on
    _protocol(connection).connection_opened(connection)
    with gil:
        engine_post(connection.engine, (
            CONNECTION_OPENED,
            connection.handle,
            _text(pn_connection_remote_container(pn)) or "",
            _text(pn_connection_remote_hostname(pn)),
            pn_transport_get_remote_max_frame(connection.transport),
            pn_transport_remote_channel_max(connection.transport),
            pn_transport_get_remote_idle_timeout(connection.transport),
            encoded_data(pn_connection_remote_offered_capabilities(pn)),
            encoded_data(pn_connection_remote_desired_capabilities(pn)),
            encoded_data(pn_connection_remote_properties(pn)),
        ))


cdef void _remote_closed(connection_t *connection) noexcept nogil:
    cdef pn_condition_t *condition = pn_connection_remote_condition(connection.pn)
    connection.answered = True
    if connection.closing:
        return
    connection.closing = True
    pn_connection_close(connection.pn)
    engine_arm(connection.engine, &connection.alarm, connection.engine.now + CLOSE_TIME)
    with gil:
        engine_post(connection.engine, (
            CONNECTION_CLOSED, connection.handle,
            _text(pn_condition_get_name(condition)) or "", _text(pn_condition_get_description(condition)) or ""))


cdef void _transport_failed(connection_t *connection) noexcept nogil:
    cdef pn_condition_t *condition = pn_transport_condition(connection.transport)
    if pn_condition_is_set(condition):
        _set_reason(connection, pn_condition_get_name(condition), pn_condition_get_description(condition))


# --- writing

cdef bint _keep(connection_t *connection, const void *data, size_t length) noexcept nogil:
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


cdef ssize_t _write(connection_t *connection, const void *data, size_t length) noexcept nogil:
    """Octets the socket took, 0 if it takes none now."""
    cdef ssize_t taken = stream_write(&connection.stream, data, length)
    if taken == STREAM_ERROR:
        _broken(connection)
    if taken <= 0:
        return 0
    connection.octets_out += taken
    return taken


cdef bint _send_kept(connection_t *connection) noexcept nogil:
    """Send what is kept; True if nothing is left."""
    cdef ssize_t taken
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


cdef bint _send(connection_t *connection) noexcept nogil:
    """One write of proton's output; True if it may be worth coming back at once."""
    cdef ssize_t pending
    if not _send_kept(connection):
        return False
    pending = pn_transport_pending(connection.transport)
    if pending <= 0:
        return connection.close_due and _keep_close(connection)
    if pending >= GATHER_BELOW:
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
    _put_u32(frame + 12, length - 16)
    _put_u32(frame + 24, length - 28)
    _put_u32(frame, length)
    memcpy(frame + 4, b"\x02\x00\x00\x00", 4)
    return _keep(connection, frame, length)


cdef void _put_u32(uint8_t *at, uint32_t value) noexcept nogil:
    at[0] = value >> 24
    at[1] = (value >> 16) & 0xFF
    at[2] = (value >> 8) & 0xFF
    at[3] = value & 0xFF


cdef bint _send_head(connection_t *connection, ssize_t pending) noexcept nogil:
    cdef ssize_t taken = _write(connection, pn_transport_head(connection.transport), pending)
    pn_transport_pop(connection.transport, taken)
    if taken < pending:
        stream_want(&connection.stream, connection.stream.wants | STREAM_OUT)
        return False
    return True


cdef bint _send_gathered(connection_t *connection, ssize_t pending) noexcept nogil:
    """Copy several small heads together: with 16 KiB frames one send for each would cost more than the copy."""
    cdef uint8_t *buffer = connection.engine.write_scratch
    cdef size_t length = 0
    cdef ssize_t taken
    while pending > 0 and length + pending <= SCRATCH:
        memcpy(buffer + length, pn_transport_head(connection.transport), pending)
        pn_transport_pop(connection.transport, pending)
        length += pending
        pending = pn_transport_pending(connection.transport)
    taken = _write(connection, buffer, length)
    if taken == <ssize_t>length:
        return True
    if not connection.broken and not _keep(connection, buffer + taken, length - taken):
        connection.broken = True
    stream_want(&connection.stream, connection.stream.wants | STREAM_OUT)
    return False


# --- listeners

cdef void _on_accept(watch_t *watch, uint32_t events) noexcept nogil:
    cdef listener_t *listener = <listener_t *>watch.owner
    cdef int accepted = 0
    cdef int fd
    while accepted < ACCEPTS_PER_PASS:
        fd = accept4(watch.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)
        if fd < 0:
            return
        accepted += 1
        _accept(listener, fd)


cdef void _accept(listener_t *listener, int fd) noexcept nogil:
    cdef connection_t *connection = _new_connection(listener.engine, fd, True)
    if connection == NULL:
        return
    connection.phase = PHASE_HANDSHAKE
    if listener.tls != NULL:
        connection.phase = PHASE_SNIFF if listener.tls_optional else PHASE_TLS
        if stream_start_tls(&connection.stream, listener.tls, NULL, False) != 0:
            connection.broken = True
            connection_wake(connection)
    with gil:
        engine_post(connection.engine, (CONNECTION_ACCEPTED, connection.handle, listener.handle, _peer(fd)))
    if listener.tls == NULL:
        _ready_for_handshake(connection)
    else:
        stream_want(&connection.stream, STREAM_IN)


# --- Python face

@cython.no_gc_clear      # __dealloc__ needs what a collection would have cleared
cdef class Connections:
    """Listeners and AMQP connections of one engine, by handle. Python face: see pump.pyi."""

    def __cinit__(self, Engine engine not None):
        self.engine = engine
        self._contexts = {}

    cdef connection_t *_find(self, uint64_t handle) except NULL:
        cdef void *found = engine_find(self.engine.native, HANDLE_CONNECTION, handle)
        if found == NULL:
            raise KeyError(f"no connection {handle:#x}: it is gone")
        return <connection_t *>found

    def exists(self, uint64_t handle):
        """Whether this connection is still there."""
        return engine_find(self.engine.native, HANDLE_CONNECTION, handle) != NULL

    def listen(self, int fd, TlsContext tls=None, bint tls_optional=False):
        """Accept on a listening, non-blocking descriptor, which becomes the engine's. Returns the listener's handle."""
        cdef listener_t *listener = <listener_t *>calloc(1, sizeof(listener_t))
        if listener == NULL:
            raise MemoryError()
        listener.engine = self.engine.native
        listener.watch.fd = fd
        listener.watch.ready = _on_accept
        listener.watch.owner = listener
        listener.tls = tls.context if tls is not None else NULL
        listener.tls_optional = tls_optional
        if engine_watch(listener.engine, &listener.watch, STREAM_IN) != 0:
            free(listener)
            raise OSError(f"cannot watch listening descriptor {fd}")
        listener.handle = engine_name(listener.engine, HANDLE_LISTENER, listener)
        self._contexts[listener.handle] = tls
        return listener.handle

    def stop_listening(self, uint64_t handle):
        """Close a listening socket; its connections live on."""
        cdef listener_t *listener = <listener_t *>engine_find(self.engine.native, HANDLE_LISTENER, handle)
        if listener == NULL:
            raise KeyError(f"no listener {handle:#x}: it is gone")
        engine_unwatch(listener.engine, &listener.watch)
        close(listener.watch.fd)
        engine_forget(listener.engine, handle)
        free(listener)
        del self._contexts[handle]

    def renew_tls(self, uint64_t handle, TlsContext tls not None):
        """Use other certificates for connections that a listener accepts from now on."""
        cdef listener_t *listener = <listener_t *>engine_find(self.engine.native, HANDLE_LISTENER, handle)
        if listener == NULL:
            raise KeyError(f"no listener {handle:#x}: it is gone")
        listener.tls = tls.context
        self._contexts[handle] = tls

    def connect(self, int fd, TlsContext tls=None, str host=None, bint verify_host=True):
        """Take a descriptor on which connect() is under way; with TLS, `host` is the name to verify. Returns a handle."""
        cdef connection_t *connection = _new_connection(self.engine.native, fd, False)
        cdef bytes name = b"" if host is None else host.encode()
        if connection == NULL:
            raise MemoryError()
        connection.phase = PHASE_CONNECTING
        if tls is not None and stream_start_tls(&connection.stream, tls.context, <const char *>name if name else NULL, verify_host) != 0:
            _set_reason(connection, b"amqp:connection:framing-error", b"TLS session could not be made")
            connection.broken = True
            connection_wake(connection)
        return connection.handle

    def send_handshake(self, uint64_t handle, bytes data):
        """Send octets of the handshake (SASL) on a connection that has not begun AMQP."""
        cdef connection_t *connection = self._find(handle)
        if connection.phase != PHASE_HANDSHAKE:
            raise ValueError("the handshake is over")
        if not _keep(connection, <const char *>data, len(data)):
            raise MemoryError()
        connection_wake(connection)

    def start_amqp(self, uint64_t handle, bytes data, uint32_t max_frame_size, uint16_t channel_max,
                   uint32_t idle_timeout, uint32_t session_window, str container):
        """Begin AMQP on an authenticated connection. `data`: what the handshake has left over, from the protocol header on.

        max_frame_size in octets, idle_timeout in milliseconds (0: none), session_window in frames.
        """
        cdef connection_t *connection = self._find(handle)
        if connection.phase != PHASE_HANDSHAKE:
            raise ValueError("AMQP has begun already")
        connection.pn = pn_connection()
        connection.transport = pn_transport()
        connection.collector = pn_collector()
        pn_connection_set_context(connection.pn, connection)
        pn_connection_set_container(connection.pn, container.encode())
        pn_transport_set_max_frame(connection.transport, max_frame_size)
        pn_transport_set_channel_max(connection.transport, channel_max)
        if idle_timeout:
            pn_transport_set_idle_timeout(connection.transport, idle_timeout)
        pn_connection_collect(connection.pn, connection.collector)
        pn_transport_bind(connection.transport, connection.pn)
        guard_init(&connection.guard, max_frame_size, channel_max)
        connection.session_window = session_window
        connection.phase = PHASE_AMQP
        if data:
            _take_frames(connection, <uint8_t *><const char *>data, len(data))
        connection_wake(connection)

    def open(self, uint64_t handle, str hostname, bytes offered, bytes desired, bytes properties):
        """Send our open; capabilities and properties are encoded AMQP values, empty for none."""
        cdef connection_t *connection = self._find(handle)
        if connection.closing:
            return                          # it has failed behind its open; ConnectionLost will say why
        if connection.pn == NULL or connection.opened:
            raise ValueError("not a connection that waits to be opened")
        if hostname is not None:
            pn_connection_set_hostname(connection.pn, hostname.encode())
        decode_into(pn_connection_offered_capabilities(connection.pn), offered)
        decode_into(pn_connection_desired_capabilities(connection.pn), desired)
        decode_into(pn_connection_properties(connection.pn), properties)
        pn_connection_open(connection.pn)
        connection.opened = True
        if not connection.ended:
            stream_want(&connection.stream, connection.stream.wants | STREAM_IN)
        connection_wake(connection)

    def close(self, uint64_t handle, str condition="", str description=""):
        """Close with a close frame where AMQP has begun; at once where it has not."""
        cdef connection_t *connection = self._find(handle)
        if condition:
            connection_fail(connection, condition.encode(), description.encode())
            return
        if connection.phase == PHASE_AMQP and connection.opened:
            pn_connection_close(connection.pn)
            engine_arm(connection.engine, &connection.alarm, connection.engine.now + CLOSE_TIME)
        else:
            connection.broken = True
        connection.closing = True
        connection_wake(connection)

    def drop(self, uint64_t handle, str condition="", str description=""):
        """End the connection without a word to the peer."""
        cdef connection_t *connection = self._find(handle)
        if condition:
            _set_reason(connection, condition.encode(), description.encode())
        connection.broken = True
        connection_wake(connection)

    def shutdown(self):
        """Close every listener and connection without a word to the peers."""
        cdef engine_t *native = self.engine.native
        cdef uint32_t i
        for handle in list(self._contexts):
            self.stop_listening(handle)
        for i in range(native.slot_count):
            if native.slots[i].kind == HANDLE_CONNECTION:
                _free_connection(<connection_t *>native.slots[i].thing)

    def facts(self, uint64_t handle):
        """(octets in, octets out, seconds since it began, seconds since the last delivery or None) of a connection."""
        cdef connection_t *connection = self._find(handle)
        cdef int64_t now = self.engine.native.now
        idle = None if connection.last_delivery == 0 else (now - connection.last_delivery) / 1000
        return connection.octets_in, connection.octets_out, (now - connection.opened_at) / 1000, idle
