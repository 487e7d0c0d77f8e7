"""Servers: a client stream from the dispatch link gets a flow of its own, whose socket is then connected.

Each stream is moved off the dispatch link at once, so that one whose head is late or wrong holds up no other.
"""

from libc.errno cimport EINPROGRESS, errno
from libc.stdint cimport uint8_t, uint32_t
from libc.stdio cimport snprintf
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, strerror
from posix.unistd cimport close

from skrouter.adaptors.tcp.bridge.encapsulation cimport (
    STREAM_HEAD_DONE,
    STREAM_HEAD_FOREIGN,
    STREAM_HEAD_MORE,
    read_stream_head,
    stream_head_t,
)
from skrouter.adaptors.tcp.bridge.flow cimport flow_connected, flow_ends, flow_fail, flow_new, text_set
from skrouter.adaptors.tcp.bridge.model cimport (
    ALPN_LIMIT,
    END_CONNECT,
    END_TLS,
    FLOW_CONNECTING,
    FLOW_HEAD,
    HANDSHAKE_TIME,
    HEAD_ROOM,
    NOTICE_CONNECT_FAILED,
    address_t,
    flow_t,
)
from skrouter.adaptors.tcp.bridge.notices cimport ADDRESS_TEXT, address_print, notice_add
from skrouter.adaptors.tcp.bridge.outbound cimport outbound_end, outbound_gather, outbound_pass
from skrouter.adaptors.tcp.bridge.proxy cimport PROXY_WRITTEN, proxy_write
from skrouter.adaptors.tcp.bridge.records cimport record_begin_co, record_error, record_touch, record_trace
from skrouter.amqp.engine.poller cimport (
    HANDLE_ADAPTOR,
    engine_arm,
    engine_defer,
    engine_disarm,
    engine_forget,
    engine_name,
    task_t,
    watch_t,
)
from skrouter.amqp.engine.proton_api cimport PN_REJECTED, PN_RELEASED
from skrouter.amqp.engine.stream cimport (
    STREAM_OUT,
    STREAM_REASON,
    stream_close,
    stream_connect_error,
    stream_open,
    stream_start_tls,
)
from skrouter.amqp.engine.tls cimport tls_offer
from skrouter.router.forwarder.copies cimport copy_move
from skrouter.router.forwarder.deliveries cimport link_lost
from skrouter.router.forwarder.links cimport link_free, link_new
from skrouter.router.forwarder.model cimport LINK_ADAPTOR, copy_t, link_ops_t, link_t, outcome_t
from skrouter.router.forwarder.settlement cimport copy_free, copy_outcome, plain_outcome

from skrouter.amqp import _proton  # noqa: F401


cdef extern from "sys/socket.h" nogil:
    enum:
        SOCK_STREAM
        SOCK_NONBLOCK
        SOCK_CLOEXEC
    ctypedef unsigned int socklen_t
    struct sockaddr:
        unsigned short sa_family
    enum:
        MSG_NOSIGNAL
    ssize_t send(int fd, const void *data, size_t size, int flags)
    int socket(int domain, int kind, int protocol)
    int connect(int fd, const sockaddr *address, socklen_t size)
    int getsockname(int fd, sockaddr *address, socklen_t *size)
    int setsockopt(int fd, int level, int option, const void *value, socklen_t size)

cdef extern from "netinet/in.h" nogil:
    enum:
        IPPROTO_TCP

cdef extern from "netinet/tcp.h" nogil:
    enum:
        TCP_NODELAY

cdef enum:
    DISPATCH_CAPACITY = 5           # streams at once before other servers are preferred (spec: §6)


# --- servers

cdef server_t *server_new(bridge_t *bridge, const char *address, size_t length, const char *host, size_t host_length,
                          const tls_context_t *tls, bint verify, bint introduces) noexcept nogil:
    cdef server_t *server = <server_t *>calloc(1, sizeof(server_t))
    if server == NULL:
        return NULL
    server.bridge = bridge
    server.tls = tls
    server.verify = verify
    server.introduces = introduces
    server.counters.opened = 1      # the reference counts the dispatch connection
    server.link = link_new(bridge.forwarder, LINK_ADAPTOR, True, &DISPATCH_OPS, server)
    if server.link == NULL or not text_set(&server.address, address, <uint32_t>length) or not text_set(
            &server.host, host, <uint32_t>host_length):
        server_free(server)
        return NULL
    server.link.capacity = DISPATCH_CAPACITY
    server.handle = engine_name(bridge.engine, HANDLE_ADAPTOR, server)
    server.next = bridge.servers
    if bridge.servers != NULL:
        bridge.servers.previous = server
    bridge.servers = server
    return server


cdef void server_close(server_t *server) noexcept nogil:
    if server.link == NULL:
        return
    link_lost(server.link)
    link_free(server.link)
    server.link = NULL


cdef void server_free(server_t *server) noexcept nogil:
    cdef bridge_t *bridge = server.bridge
    server_close(server)
    if server.previous != NULL:
        server.previous.next = server.next
    elif bridge.servers == server:
        bridge.servers = server.next
    if server.next != NULL:
        server.next.previous = server.previous
    engine_forget(bridge.engine, server.handle)
    free(server.targets)
    free(server.address.at)
    free(server.host.at)
    free(server)


# --- the dispatch link

cdef void _on_dispatch(link_t *link) noexcept nogil:
    while link.first != NULL:
        _dispatch(<server_t *>link.owner, link.first)


cdef void _dispatch(server_t *server, copy_t *copy) noexcept nogil:
    cdef flow_t *flow = flow_new(server.bridge)
    cdef outcome_t outcome = plain_outcome(PN_RELEASED)
    if flow == NULL:
        copy_outcome(copy, &outcome, True)
        return
    copy_move(copy, flow.link)
    copy.started = True             # from now on the forwarder tells us of its end
    flow.outbound = copy
    flow.server = server
    flow.address = server.address
    server.flows += 1
    server.link.moved_count += 1
    flow.moved = True
    flow.state = FLOW_HEAD
    flow.task.run = _examine
    engine_arm(server.bridge.engine, &flow.alarm, server.bridge.engine.now + HANDSHAKE_TIME)
    engine_defer(server.bridge.engine, &flow.task)


cdef void _on_copy_gone(copy_t *copy) noexcept nogil:
    """Settled or aborted by its sender before it was dispatched."""
    copy_free(copy)


cdef link_ops_t DISPATCH_OPS        # a table of functions, written once when the module is loaded
DISPATCH_OPS.push = _on_dispatch
DISPATCH_OPS.copy_settled = _on_copy_gone
DISPATCH_OPS.copy_aborted = _on_copy_gone


# --- the head of a client stream

cdef void _examine(task_t *task) noexcept nogil:
    """Before the socket is there: wait for the whole head, then connect."""
    cdef flow_t *flow = <flow_t *>task.owner
    cdef uint8_t octets[HEAD_ROOM]
    cdef stream_head_t head
    cdef size_t length
    cdef int check
    if flow.broken or flow.aborted:
        flow_fail(flow)
        return
    if flow.state != FLOW_HEAD:
        return
    length = outbound_gather(flow.outbound, octets, HEAD_ROOM)
    check = read_stream_head(octets, length, &head)
    if check == STREAM_HEAD_MORE and length < HEAD_ROOM and not flow.outbound.content.complete:
        return
    if check != STREAM_HEAD_DONE or head.reply_to_length == 0:
        outbound_end(flow, plain_outcome(PN_RELEASED if check == STREAM_HEAD_FOREIGN else PN_REJECTED))
        flow_fail(flow)
        return
    _accept(flow, &head)


cdef void _accept(flow_t *flow, const stream_head_t *head) noexcept nogil:
    if not text_set(&flow.reply, <const char *>head.reply_to, head.reply_to_length):
        flow_fail(flow)
        return
    if head.alpn_length < ALPN_LIMIT:
        memcpy(flow.alpn, head.alpn, head.alpn_length)
        flow.alpn_length = head.alpn_length
    flow.origin = head.origin
    flow.record = record_begin_co(flow.bridge, head.flow, head.flow_length, flow.server.record)
    if flow.record != NULL:
        flow.record.flow = flow
        record_trace(flow.record, &flow.outbound.content.head, flow.outbound.content.first.data)
    outbound_pass(flow.outbound, head.length)
    flow.headed = True
    flow.counted = True
    flow.server.counters.opened += 1
    engine_disarm(flow.bridge.engine, &flow.alarm)
    flow.state = FLOW_CONNECTING
    _connect_next(flow, 0)


# --- the socket

cdef void _connect_next(flow_t *flow, int error) noexcept nogil:
    """Try the next target; `error` is what the last one gave. The one that answered last is tried first."""
    cdef server_t *server = flow.server
    cdef const char *reason = b"the host name is not resolved"
    cdef char place[ADDRESS_TEXT]
    cdef char text[STREAM_REASON + ADDRESS_TEXT]
    cdef address_t *target
    while flow.attempt < server.target_count:
        target = &server.targets[(server.preferred + flow.attempt) % server.target_count]
        flow.attempt += 1
        flow.peer = target[0]
        error = _connect(flow, target)
        if error == 0:
            return
    if error:
        reason = strerror(error)
    server.failures += 1
    notice_add(flow.bridge, NOTICE_CONNECT_FAILED, server.handle, &flow.peer, reason)
    address_print(&flow.peer, place)
    snprintf(text, sizeof(text), b"%s - on connect %s", reason, place)
    flow_ends(flow, END_CONNECT)
    record_error(flow.record, b"proton:io", text)
    flow_fail(flow)


cdef int _connect(flow_t *flow, const address_t *target) noexcept nogil:
    """Begin to connect. 0, or an errno."""
    cdef const sockaddr *address = <const sockaddr *>target.octets
    cdef int error
    cdef int on = 1
    cdef int fd = socket(address.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
    if fd < 0:
        return errno
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on))
    if connect(fd, address, target.size) != 0 and errno != EINPROGRESS:
        error = errno
        close(fd)
        return error
    if stream_open(&flow.stream, flow.bridge.engine, fd, _on_connected, flow, STREAM_OUT) != 0:
        error = errno
        stream_close(&flow.stream)
        return error
    return 0


cdef void _on_connected(watch_t *watch, uint32_t events) noexcept nogil:
    cdef flow_t *flow = <flow_t *>watch.owner
    cdef server_t *server = flow.server
    cdef int error = stream_connect_error(&flow.stream)
    if error:
        stream_close(&flow.stream)
        _connect_next(flow, error)
        return
    if server.target_count:
        server.preferred = (server.preferred + flow.attempt - 1) % server.target_count
    _note_proxy(flow)
    if server.introduces and not _introduce(flow):
        flow_fail(flow)
        return
    if server.tls != NULL and not _start_tls(flow):
        flow_ends(flow, END_TLS)
        record_error(flow.record, b"TLS-connection-failed", b"Error loading credentials")
        flow_fail(flow)
        return
    flow_connected(flow)


cdef bint _introduce(flow_t *flow) noexcept nogil:
    """Tell the server whose connection it is, before anything else. The buffer of a new socket has room for that."""
    cdef uint8_t header[PROXY_WRITTEN]
    cdef size_t length = proxy_write(header, &flow.origin, &flow.peer)
    return send(flow.stream.watch.fd, header, length, MSG_NOSIGNAL) == <ssize_t>length


cdef void _note_proxy(flow_t *flow) noexcept nogil:
    """Where our connection to the server begins: as whom the server sees the client."""
    cdef socklen_t size = sizeof(flow.record.place.octets)
    if flow.record == NULL:
        return
    if getsockname(flow.stream.watch.fd, <sockaddr *>flow.record.place.octets, &size) == 0:
        flow.record.place.size = size
        record_touch(flow.bridge, flow.record)


cdef bint _start_tls(flow_t *flow) noexcept nogil:
    cdef server_t *server = flow.server
    if stream_start_tls(&flow.stream, server.tls, server.host.at, server.verify) != 0:
        return False
    return flow.alpn_length == 0 or tls_offer(flow.stream.tls, flow.alpn, flow.alpn_length)
