"""AMQP connections over proton's engine: accept and connect, hand the handshake up, then pump frames.

    socket -> stream (TLS) -> [WebSocket] -> control (HTTP, SASL) ...... before authentication
    socket -> stream (TLS) -> [WebSocket] -> guard -> proton -> events -> protocol layer, control
    socket <- stream (TLS) <- [WebSocket] <- proton <- protocol layer, control

Reading only feeds proton; everything that follows happens once at the end of the poller's pass, in `_run`, so that one
batch of reads becomes one batch of writes.

Longer than 500 lines: a third of it is `Connections`, the Python face of all that connections do, told in one place.
"""

cimport cython
from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t, uint8_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy
from posix.unistd cimport close

from skrouter.amqp.engine.connection cimport (
    connection_fail,
    connection_wake,
    protocol_of,
    set_reason,
    text_or_none,
)
from skrouter.amqp.engine.guard cimport guard_init, guard_limit
from skrouter.amqp.engine.input cimport begin_tls, on_ready, ready_for_handshake, take_frames, take_websocket
from skrouter.amqp.engine.model cimport (
    CLOSE_TIME,
    LINGER_TIME,
    PHASE_AMQP,
    PHASE_CONNECTING,
    PHASE_DEAD,
    PHASE_HANDSHAKE,
    PHASE_LINGER,
    PHASE_SNIFF,
    PHASE_TLS,
    SENDS_PER_PASS,
    connection_t,
    listener_t,
)
from skrouter.amqp.engine.output cimport keep_message, keep_output, say_goodbye, send_kept, send_output
from skrouter.amqp.engine.poller cimport (
    HANDLE_CONNECTION,
    HANDLE_LISTENER,
    SCRATCH,
    alarm_t,
    Engine,
    engine_arm,
    engine_defer,
    engine_disarm,
    engine_find,
    engine_forget,
    engine_name,
    engine_post,
    engine_t,
    engine_undefer,
    engine_unwatch,
    engine_watch,
    task_t,
    watch_t,
)
from skrouter.amqp.engine.proton_api cimport *
from skrouter.amqp.engine.stream cimport (
    STREAM_IN,
    STREAM_OUT,
    stream_close,
    stream_end_output,
    stream_open,
    stream_start_tls,
    stream_want,
)
from skrouter.amqp.engine.tls cimport TlsContext
from skrouter.amqp.engine.trace cimport trace_end, trace_log_free, trace_log_new, trace_log_take, trace_new, trace_t
from skrouter.amqp.engine.websocket cimport websocket_t

from skrouter.amqp import _proton


cdef extern from "sys/socket.h" nogil:
    enum:
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
    CONNECTION_OPENED = 3
    CONNECTION_CLOSED = 4
    CONNECTION_LOST = 5
    HANDSHAKE_SENT = 11
    SESSION_BEGUN = 12
    SESSION_ENDED = 13

cdef enum:
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
    if stream_open(&connection.stream, engine, fd, on_ready, connection, 0 if incoming else STREAM_OUT) != 0:
        connection.broken = True
        engine_defer(engine, &connection.task)
    return connection


cdef void _give_up(connection_t *connection, const char *reason) noexcept nogil:
    """Nothing has been said to the peer, and nothing can be."""
    set_reason(connection, b"amqp:connection:framing-error", reason)
    connection.broken = True
    connection_wake(connection)


cdef void _free_connection(connection_t *connection) noexcept nogil:
    """The end: tell the layer above, tell control, free everything. Only from the connection's own task."""
    cdef engine_t *engine = connection.engine
    connection.phase = PHASE_DEAD
    if connection.pn != NULL and engine.protocol != NULL:
        protocol_of(connection).connection_lost(connection)
    engine_disarm(engine, &connection.alarm)
    engine_undefer(engine, &connection.task)
    stream_close(&connection.stream)
    with gil:
        engine_post(engine, (CONNECTION_LOST, connection.handle, text_or_none(connection.condition),
                             text_or_none(connection.description)))
    if connection.pn != NULL:
        pn_transport_unbind(connection.transport)
        pn_collector_release(connection.collector)
        pn_transport_free(connection.transport)
        pn_connection_free(connection.pn)
        pn_collector_free(connection.collector)
    engine_forget(engine, connection.handle)
    free(connection.trace)
    free(connection.websocket)
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


cdef void _run(task_t *task) noexcept nogil:
    cdef connection_t *connection = <connection_t *>task.owner
    if connection.phase == PHASE_AMQP and not connection.broken:
        _pump(connection)
    elif connection.phase == PHASE_HANDSHAKE and not connection.broken:
        _send_handshake(connection)
    if connection.broken or (_is_over(connection) and say_goodbye(connection)):
        _end(connection)


cdef void _send_handshake(connection_t *connection) noexcept nogil:
    if send_kept(connection) and connection.sent_wanted and not connection.broken:
        connection.sent_wanted = False
        with gil:
            engine_post(connection.engine, (HANDSHAKE_SENT, connection.handle))


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
        if connection.trace != NULL:
            trace_end(connection.trace, True)
        _transport_failed(connection)       # its event may still wait behind an open that control has not answered
    if not connection.broken and _is_worth_waiting(connection) and connection.phase != PHASE_LINGER:
        connection.phase = PHASE_LINGER
        stream_end_output(&connection.stream)
        stream_want(&connection.stream, STREAM_IN)
        engine_arm(connection.engine, &connection.alarm, connection.engine.now + LINGER_TIME)
        return
    _free_connection(connection)


cdef bint _is_worth_waiting(connection_t *connection) noexcept nogil:
    """Whether the peer may still have to read why we end."""
    return connection.lingers or connection.condition[0] != 0


cdef void _pump(connection_t *connection) noexcept nogil:
    """Events to their handlers, waiting deliveries to proton, proton's output to the socket, until all is quiet."""
    cdef int sends = SENDS_PER_PASS
    cdef bint sent = True
    while sent and sends > 0:
        sends -= 1
        _drain(connection)
        if connection.opened and not connection.closing and not connection.ended:
            protocol_of(connection).write(connection)
        sent = send_output(connection)
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
        protocol_of(connection).delivery(connection, pn_event_delivery(event))
    elif type == PN_LINK_FLOW:
        protocol_of(connection).link_flow(connection, pn_event_link(event))
    elif type == PN_LINK_REMOTE_OPEN:
        protocol_of(connection).link_opened(connection, pn_event_link(event))
    elif type == PN_LINK_REMOTE_CLOSE:
        protocol_of(connection).link_closed(connection, pn_event_link(event), False)
    elif type == PN_LINK_REMOTE_DETACH:
        protocol_of(connection).link_closed(connection, pn_event_link(event), True)
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
    if connection.session_limit and not _count_session(connection, session):
        return
    pn_session_set_incoming_window_and_lwm(session, connection.session_window, 0)
    pn_session_open(session)


cdef bint _count_session(connection_t *connection, pn_session_t *session) noexcept nogil:
    """One more; False: one too many, from a peer that has not waited for our channel-max. There is no channel to answer on."""
    cdef bint allowed = connection.sessions < connection.session_limit
    if allowed:
        connection.sessions += 1
        pn_session_set_context(session, connection)
    else:
        connection_fail(connection, b"amqp:resource-limit-exceeded", b"session disallowed by local policy")
    with gil:
        engine_post(connection.engine, (SESSION_BEGUN, connection.handle, bool(allowed)))
    return allowed


cdef void _session_closed(connection_t *connection, pn_session_t *session) noexcept nogil:
    protocol_of(connection).session_closed(connection, session)
    if pn_session_get_context(session) != NULL:
        connection.sessions -= 1
        with gil:
            engine_post(connection.engine, (SESSION_ENDED, connection.handle))
    pn_session_close(session)
    pn_session_free(session)


cdef void _remote_opened(connection_t *connection) noexcept nogil:
    cdef pn_connection_t *pn = connection.pn
    if not connection.opened:
        stream_want(&connection.stream, 0)  # read on when control has answered
    _tick(connection)                       # the peer's idle time-out counts from now on
    with gil:
        engine_post(connection.engine, (
            CONNECTION_OPENED,
            connection.handle,
            text_or_none(pn_connection_remote_container(pn)) or "",
            text_or_none(pn_connection_remote_hostname(pn)),
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
            text_or_none(pn_condition_get_name(condition)) or "", text_or_none(pn_condition_get_description(condition)) or ""))


cdef void _transport_failed(connection_t *connection) noexcept nogil:
    cdef pn_condition_t *condition = pn_transport_condition(connection.transport)
    if pn_condition_is_set(condition):
        set_reason(connection, pn_condition_get_name(condition), pn_condition_get_description(condition))


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
        ready_for_handshake(connection)
    else:
        stream_want(&connection.stream, STREAM_IN)


cdef void _join_frames(connection_t *connection, trace_t *trace) noexcept nogil:
    """Begin to trace in the middle: where the next frames begin, or that it is not known yet."""
    trace.incoming.header = not connection.guard.header_passed
    trace.incoming.size = connection.guard.payload
    trace.incoming.silent = connection.guard.payload > 0
    trace.outgoing.header = False
    trace.outgoing.adrift = pn_transport_pending(connection.transport) > 0


@cython.no_gc_clear      # __dealloc__ needs what a collection would have cleared
cdef class Connections:
    """Listeners and AMQP connections of one engine, by handle. Python face: see pump.pyi."""

    def __cinit__(self, Engine engine not None):
        self.engine = engine
        self._contexts = {}

    def __dealloc__(self):
        trace_log_free(self._traced)

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
            _give_up(connection, b"TLS session could not be made")
        return connection.handle

    def send_handshake(self, uint64_t handle, bytes data, bint tell=False):
        """Send octets of the handshake (HTTP, SASL) on a connection that has not begun AMQP; `tell`: HandshakeSent when done."""
        cdef connection_t *connection = self._find(handle)
        if connection.closing:
            return                          # it has failed already; ConnectionLost will say why
        if connection.phase != PHASE_HANDSHAKE:
            raise ValueError("the handshake is over")
        if not keep_message(connection, <const char *>data, len(data)):
            raise MemoryError()
        connection.sent_wanted = connection.sent_wanted or tell
        connection_wake(connection)

    def finish_handshake(self, uint64_t handle):
        """End a connection that has not begun AMQP, when what waits is sent and the peer has had time to read it."""
        cdef connection_t *connection = self._find(handle)
        if connection.closing:
            return                          # it has failed already; ConnectionLost will say why
        if connection.phase != PHASE_HANDSHAKE:
            raise ValueError("the handshake is over")
        connection.closing = connection.lingers = True
        connection_wake(connection)

    def start_websocket(self, uint64_t handle, bytes response, bytes rest):
        """Send the HTTP response to an upgrade, then speak WebSocket. `rest`: octets that came behind the request."""
        cdef connection_t *connection = self._find(handle)
        if connection.closing:
            return                          # it has failed already; ConnectionLost will say why
        if connection.phase != PHASE_HANDSHAKE or connection.websocket != NULL or not connection.incoming:
            raise ValueError("not a connection that waits for an upgrade")
        if len(rest) > SCRATCH:
            raise ValueError("too many octets behind the request")
        if not keep_output(connection, <const char *>response, len(response)):
            raise MemoryError()
        connection.websocket = <websocket_t *>calloc(1, sizeof(websocket_t))
        if connection.websocket == NULL:
            raise MemoryError()
        memcpy(connection.engine.read_scratch, <const char *>rest, len(rest))
        take_websocket(connection, connection.engine.read_scratch, len(rest))

    def start_tls(self, uint64_t handle, TlsContext tls not None, str host=None, bint verify_host=True):
        """Begin TLS on an outgoing connection behind a handshake in the clear (a proxy's); StreamReady follows once more."""
        cdef connection_t *connection = self._find(handle)
        cdef bytes name = b"" if host is None else host.encode()
        if connection.closing:
            return                          # it has failed already; ConnectionLost will say why
        if connection.phase != PHASE_HANDSHAKE or connection.incoming or connection.stream.tls != NULL:
            raise ValueError("not an outgoing connection in the clear")
        if connection.out_length:
            _give_up(connection, b"the answer came before the request was sent")
        elif stream_start_tls(&connection.stream, tls.context, <const char *>name if name else NULL, verify_host) != 0:
            _give_up(connection, b"TLS session could not be made")
        else:
            begin_tls(connection)

    def start_amqp(self, uint64_t handle, bytes data, uint32_t max_frame_size, uint16_t channel_max,
                   uint32_t idle_timeout, uint32_t session_window, str container):
        """Begin AMQP on an authenticated connection. `data`: what the handshake has left over, from the protocol header on.

        max_frame_size in octets, idle_timeout in milliseconds (0: none), session_window in frames.
        """
        cdef connection_t *connection = self._find(handle)
        if connection.closing:
            return                          # it has failed already; ConnectionLost will say why
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
            take_frames(connection, <uint8_t *><const char *>data, len(data))
        connection_wake(connection)

    def limit(self, uint64_t handle, uint32_t max_frame_size, uint32_t sessions, uint32_t session_window):
        """Other limits than those AMQP began with; only before `open`. Sessions are reported from now on.

        max_frame_size in octets, sessions that the peer may have at a time, session_window in frames.
        """
        cdef connection_t *connection = self._find(handle)
        if connection.pn == NULL or connection.opened:
            raise ValueError("not a connection that waits to be opened")
        if not 0 < sessions <= 32768:
            raise ValueError(f"{sessions} sessions: 1 to 32768 are possible")
        pn_transport_set_max_frame(connection.transport, max_frame_size)
        pn_transport_set_channel_max(connection.transport, sessions - 1)
        guard_limit(&connection.guard, max_frame_size, sessions - 1)
        connection.session_window = session_window
        connection.session_limit = sessions

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
            set_reason(connection, condition.encode(), description.encode())
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

    def trace(self, uint64_t handle, uint64_t number):
        """Trace a connection's frames under this number from now on; 0: no more. Before AMQP begins, from its header on."""
        cdef connection_t *connection = self._find(handle)
        cdef trace_t *trace
        if number == 0:
            free(connection.trace)
            connection.trace = NULL
            return
        if self._traced == NULL:
            self._traced = trace_log_new(connection.engine)
        if self._traced == NULL:
            raise MemoryError()
        if connection.trace != NULL:
            return
        trace = trace_new(self._traced, number)
        if trace == NULL:
            raise MemoryError()
        if connection.transport != NULL:
            _join_frames(connection, trace)
        connection.trace = trace

    def take_traced(self, uint32_t limit):
        """(frames, how many were dropped for lack of room before them): (number, outgoing, size, first octets) of each."""
        if self._traced == NULL:
            return [], 0
        dropped, self._traced.dropped = self._traced.dropped, 0
        return trace_log_take(self._traced, limit), dropped

    def facts(self, uint64_t handle):
        """(octets in, octets out, seconds since it began, seconds since the last delivery or None) of a connection."""
        cdef connection_t *connection = self._find(handle)
        cdef int64_t now = self.engine.native.now
        idle = None if connection.last_delivery == 0 else (now - connection.last_delivery) / 1000
        return connection.octets_in, connection.octets_out, (now - connection.opened_at) / 1000, idle
