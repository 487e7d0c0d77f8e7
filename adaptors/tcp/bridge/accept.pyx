"""Services: accept a client's connection, if somebody serves the address now."""

from libc.errno cimport ECONNABORTED, EAGAIN, EINTR, errno
from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcmp, memset, strerror
from posix.unistd cimport close

from skrouter.adaptors.tcp.bridge.flow cimport flow_connected, flow_ends, flow_fail, flow_new, inbound_ops, text_set
from skrouter.adaptors.tcp.bridge.model cimport (
    ACCEPT_PAUSE,
    ACCEPTS_PER_PASS,
    END_PREFACE,
    FLOW_PREFACE,
    HANDSHAKE_TIME,
    NOTICE_ACCEPT_FAILED,
    NOTICE_PREFACE_REFUSED,
    PROXY_ACCEPT,
    PROXY_PASS,
    RECORD_TPORT,
    address_t,
    flow_t,
    option_t,
    preface_t,
)
from skrouter.adaptors.tcp.bridge.notices cimport notice_add
from skrouter.adaptors.tcp.bridge.records cimport record_begin, record_error
from skrouter.adaptors.tcp.bridge.proxy cimport proxy_read, proxy_wanted
from skrouter.amqp.engine.poller cimport (
    HANDLE_ADAPTOR,
    alarm_t,
    engine_arm,
    engine_change,
    engine_disarm,
    engine_forget,
    engine_name,
    engine_unwatch,
    engine_watch,
    watch_t,
)
from skrouter.amqp.engine.stream cimport STREAM_IN, stream_open, stream_start_tls
from skrouter.router.forwarder.deliveries cimport link_lost
from skrouter.router.forwarder.links cimport link_free, link_new
from skrouter.router.forwarder.model cimport LINK_ADAPTOR, entry_t
from skrouter.router.forwarder.tables cimport find_address

from skrouter.amqp import _proton  # noqa: F401


cdef extern from "sys/socket.h" nogil:
    enum:
        SOCK_NONBLOCK
        SOCK_CLOEXEC
    ctypedef unsigned int socklen_t
    struct sockaddr:
        pass
    ssize_t recv(int fd, void *buffer, size_t size, int flags)
    int accept4(int fd, sockaddr *address, socklen_t *size, int flags)
    int setsockopt(int fd, int level, int option, const void *value, socklen_t size)

cdef extern from "sys/random.h" nogil:
    ssize_t getrandom(void *buffer, size_t size, unsigned int flags)

cdef extern from "netinet/in.h" nogil:
    enum:
        IPPROTO_TCP

cdef extern from "netinet/tcp.h" nogil:
    enum:
        TCP_NODELAY


cdef service_t *service_new(bridge_t *bridge, const tls_context_t *tls, proxy_use proxy) noexcept nogil:
    cdef service_t *service = <service_t *>calloc(1, sizeof(service_t))
    if service == NULL:
        return NULL
    service.bridge = bridge
    service.tls = tls
    service.proxy = proxy
    service.alarm.owner = service
    service.alarm.due = _on_pause_over
    service.link = link_new(bridge.forwarder, LINK_ADAPTOR, False, inbound_ops(), service)
    if service.link == NULL:
        service_free(service)
        return NULL
    service.handle = engine_name(bridge.engine, HANDLE_ADAPTOR, service)
    service.next = bridge.services
    if bridge.services != NULL:
        bridge.services.previous = service
    bridge.services = service
    return service


cdef void service_free(service_t *service) noexcept nogil:
    cdef bridge_t *bridge = service.bridge
    cdef uint32_t i
    service_close(service)
    if service.previous != NULL:
        service.previous.next = service.next
    elif bridge.services == service:
        bridge.services = service.next
    if service.next != NULL:
        service.next.previous = service.previous
    if service.link != NULL:
        link_lost(service.link)
        link_free(service.link)
    engine_forget(bridge.engine, service.handle)
    for i in range(service.option_count):
        free(service.options[i].address.at)
    free(service.options)
    free(service)


cdef bint service_offer(service_t *service, const char *address, uint32_t length, uint32_t weight, uint64_t record) noexcept nogil:
    cdef option_t *grown
    cdef uint32_t i
    for i in range(service.option_count):
        if service.options[i].address.length == length and memcmp(service.options[i].address.at, address, length) == 0:
            service.options[i].weight = weight
            service.options[i].record = record
            return True
    grown = <option_t *>realloc(service.options, (service.option_count + 1) * sizeof(option_t))
    if grown == NULL:
        return False
    service.options = grown
    memset(&grown[service.option_count], 0, sizeof(option_t))
    grown[service.option_count].weight = weight
    grown[service.option_count].record = record
    if not text_set(&grown[service.option_count].address, address, length):
        return False
    service.option_count += 1
    return True


cdef int service_open(service_t *service, int fd) noexcept nogil:
    cdef watch_t *watch = &service.watches[service.watch_count]
    watch.fd = fd
    watch.ready = _on_ready
    watch.owner = service
    if engine_watch(service.bridge.engine, watch, STREAM_IN) != 0:
        close(fd)
        return -1
    service.watch_count += 1
    return 0


cdef void service_close(service_t *service) noexcept nogil:
    engine_disarm(service.bridge.engine, &service.alarm)
    while service.watch_count:
        service.watch_count -= 1
        engine_unwatch(service.bridge.engine, &service.watches[service.watch_count])
        close(service.watches[service.watch_count].fd)


cdef void _watch_for(service_t *service, uint32_t interest) noexcept nogil:
    cdef uint32_t i
    for i in range(service.watch_count):
        engine_change(service.bridge.engine, &service.watches[i], interest)


cdef void _on_pause_over(alarm_t *alarm) noexcept nogil:
    _watch_for(<service_t *>alarm.owner, STREAM_IN)


cdef void _on_ready(watch_t *watch, uint32_t events) noexcept nogil:
    cdef service_t *service = <service_t *>watch.owner
    cdef address_t peer
    cdef socklen_t size
    cdef int turns
    cdef int fd
    for turns in range(ACCEPTS_PER_PASS):
        size = sizeof(peer.octets)
        fd = accept4(watch.fd, <sockaddr *>peer.octets, &size, SOCK_NONBLOCK | SOCK_CLOEXEC)
        if fd < 0:
            _not_accepted(service)
            return
        peer.size = size
        _take(service, fd, &peer)


cdef void _not_accepted(service_t *service) noexcept nogil:
    """Nobody waits, or the process is out of descriptors: then the poller must not report the queue for a moment."""
    cdef address_t nobody
    if errno == EAGAIN or errno == EINTR or errno == ECONNABORTED:
        return
    nobody.size = 0
    notice_add(service.bridge, NOTICE_ACCEPT_FAILED, service.handle, &nobody, strerror(errno))
    _watch_for(service, 0)
    engine_arm(service.bridge.engine, &service.alarm, service.bridge.engine.now + ACCEPT_PAUSE)


cdef option_t *_choose(service_t *service) noexcept nogil:
    """One of the addresses, at random in proportion to their weights; NULL: none may be used."""
    cdef uint64_t total = 0
    cdef uint64_t ticket = 0
    cdef uint32_t i
    for i in range(service.option_count):
        total += service.options[i].weight
    if total == 0:
        return NULL
    if service.option_count > 1:
        getrandom(&ticket, sizeof(ticket), 0)
    ticket %= total
    for i in range(service.option_count):
        if ticket < service.options[i].weight:
            return &service.options[i]
        ticket -= service.options[i].weight
    return NULL


cdef bint _is_served(service_t *service, const option_t *option) noexcept nogil:
    cdef entry_t *entry
    if option == NULL:
        return False
    entry = find_address(service.bridge.forwarder, option.address.at, option.address.length)
    return entry != NULL and entry.consumer_count + entry.router_count > 0


cdef void _take(service_t *service, int fd, const address_t *peer) noexcept nogil:
    cdef int on = 1
    cdef option_t *option = _choose(service)
    cdef flow_t *flow = flow_new(service.bridge) if _is_served(service, option) else NULL
    if flow == NULL:
        close(fd)
        return
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on))
    flow.service = service
    flow.address = option.address
    option.opened += 1
    flow.peer = peer[0]
    flow.counted = True
    flow.record = record_begin(service.bridge, RECORD_TPORT, option.record)
    if flow.record != NULL:
        flow.record.flow = flow
        flow.record.place = peer[0]
    service.flows += 1
    service.counters.opened += 1
    if service.proxy == PROXY_PASS:
        flow.origin = peer[0]
    if stream_open(&flow.stream, service.bridge.engine, fd, NULL, flow, STREAM_IN) != 0:
        flow_fail(flow)
    elif service.proxy == PROXY_ACCEPT:
        _expect_preface(flow)
    else:
        _go_on(flow)


cdef void _go_on(flow_t *flow) noexcept nogil:
    cdef service_t *service = flow.service
    if service.tls != NULL and stream_start_tls(&flow.stream, service.tls, NULL, False) != 0:
        flow_fail(flow)
    else:
        flow_connected(flow)


# --- the PROXY header that the client's connection begins with

cdef void _expect_preface(flow_t *flow) noexcept nogil:
    flow.state = FLOW_PREFACE
    flow.preface = <preface_t *>calloc(1, sizeof(preface_t))
    if flow.preface == NULL:
        flow_fail(flow)
        return
    flow.stream.watch.ready = _on_preface
    engine_arm(flow.bridge.engine, &flow.alarm, flow.bridge.engine.now + HANDSHAKE_TIME)


cdef void _on_preface(watch_t *watch, uint32_t events) noexcept nogil:
    """Read the header and not an octet more: what follows belongs to TLS or to the server."""
    cdef flow_t *flow = <flow_t *>watch.owner
    cdef preface_t *preface = flow.preface
    cdef size_t wanted = proxy_wanted(preface.octets, preface.length)
    cdef ssize_t size
    while wanted > preface.length:
        size = recv(watch.fd, preface.octets + preface.length, wanted - preface.length, 0)
        if size < 0 and (errno == EAGAIN or errno == EINTR):
            return
        if size <= 0:
            _refuse_preface(flow, b"connection closed before the end of the PROXY header")
            return
        preface.length += size
        wanted = proxy_wanted(preface.octets, preface.length)
    if wanted == 0 or not proxy_read(preface.octets, &flow.origin):
        _refuse_preface(flow, b"no valid PROXY protocol header of version 2")
        return
    free(preface)
    flow.preface = NULL
    engine_disarm(flow.bridge.engine, &flow.alarm)
    if flow.record != NULL and flow.origin.size:
        flow.record.place = flow.origin
    _go_on(flow)


cdef void _refuse_preface(flow_t *flow, const char *reason) noexcept nogil:
    flow_ends(flow, END_PREFACE)
    record_error(flow.record, b"proxy-header-invalid", reason)
    notice_add(flow.bridge, NOTICE_PREFACE_REFUSED, flow.service.handle, &flow.peer, reason)
    flow_fail(flow)
