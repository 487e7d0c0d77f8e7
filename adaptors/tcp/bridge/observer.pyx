"""Which protocol a connection speaks, and its observer (spec: tcp-adaptor §5). Octets are seen once, in order, and never held.

With `auto` the first 24 octets of the client tell HTTP/2 from HTTP/1; what a server says before is kept, up to HELD. Whatever
is not understood ends the observation of its connection, silently.
"""

from libc.stdint cimport uint32_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcmp, memcpy

from skrouter.adaptors.tcp.bridge.http1 cimport http1_begin, http1_end, http1_see
from skrouter.adaptors.tcp.bridge.http2 cimport http2_begin, http2_end, http2_see
from skrouter.adaptors.tcp.bridge.model cimport (
    OBSERVE_AUTO,
    OBSERVE_HTTP1,
    OBSERVE_HTTP2,
    OBSERVE_NONE,
    observer_t,
)

from skrouter.amqp import _proton  # noqa: F401


cdef enum:
    PREFACE = 24
    HELD = 16384                    # octets of a server that speaks before its client

cdef const char *HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


cdef void observer_begin(flow_t *flow) noexcept nogil:
    if flow.service == NULL or flow.record == NULL or not flow.bridge.records.wanted or (
            flow.service.observe == OBSERVE_NONE):
        return
    flow.observer = <observer_t *>calloc(1, sizeof(observer_t))
    if flow.observer == NULL:
        return
    flow.observer.bridge = flow.bridge
    flow.observer.parent = flow.record.number
    if flow.service.observe != OBSERVE_AUTO:
        _decide(flow, flow.service.observe == OBSERVE_HTTP2)


cdef void _decide(flow_t *flow, bint is_http2) noexcept nogil:
    """From now on octets go to one of the two."""
    cdef observer_t *observer = flow.observer
    observer.protocol = OBSERVE_HTTP2 if is_http2 else OBSERVE_HTTP1
    if not (http2_begin(observer) if is_http2 else http1_begin(observer)):
        observer_end(flow)


cdef void observer_see(flow_t *flow, const uint8_t *data, size_t length, bint from_client) noexcept nogil:
    cdef observer_t *observer = flow.observer
    if observer == NULL:
        return
    if observer.protocol == OBSERVE_AUTO and not _classify(flow, data, length, from_client):
        return
    if flow.observer != NULL:
        _pass_on(flow, data, length, from_client)


cdef void _pass_on(flow_t *flow, const uint8_t *data, size_t length, bint from_client) noexcept nogil:
    cdef observer_t *observer = flow.observer
    cdef bint understood
    if observer.protocol == OBSERVE_HTTP2:
        understood = http2_see(observer, data, length, from_client)
    else:
        understood = http1_see(observer, data, length, from_client)
    if not understood:
        observer_end(flow)


cdef bint _classify(flow_t *flow, const uint8_t *data, size_t length, bint from_client) noexcept nogil:
    """True: it is known, and these octets are to be seen. What came before them has been seen then."""
    cdef observer_t *observer = flow.observer
    cdef uint8_t first[PREFACE]
    cdef size_t known = observer.first_length
    cdef size_t more = min(length, <size_t>PREFACE - known)
    if not from_client:
        return _hold(flow, data, length)
    memcpy(observer.first + known, data, more)
    observer.first_length += <uint32_t>more
    if memcmp(observer.first, HTTP2_PREFACE, observer.first_length) == 0 and observer.first_length < PREFACE:
        return False                    # as good as the beginning of one: wait for the rest
    memcpy(first, observer.first, PREFACE)
    _decide(flow, observer.first_length == PREFACE and memcmp(observer.first, HTTP2_PREFACE, PREFACE) == 0)
    if flow.observer != NULL and known:
        _pass_on(flow, first, known, True)
    if flow.observer != NULL:
        _release(flow)
    return True


cdef bint _hold(flow_t *flow, const uint8_t *data, size_t length) noexcept nogil:
    cdef observer_t *observer = flow.observer
    if observer.held == NULL:
        observer.held = <uint8_t *>malloc(HELD)
    if observer.held == NULL or observer.held_length + length > HELD:
        observer_end(flow)
        return False
    memcpy(observer.held + observer.held_length, data, length)
    observer.held_length += <uint32_t>length
    return False


cdef void _release(flow_t *flow) noexcept nogil:
    """What the server has said meanwhile."""
    cdef observer_t *observer = flow.observer
    cdef uint8_t *held = observer.held
    observer.held = NULL
    if held != NULL:
        _pass_on(flow, held, observer.held_length, False)
    free(held)


cdef void observer_end(flow_t *flow) noexcept nogil:
    cdef observer_t *observer = flow.observer
    flow.observer = NULL
    if observer == NULL:
        return
    if observer.http1 != NULL:
        http1_end(observer)
    if observer.http2 != NULL:
        http2_end(observer)
    free(observer.held)
    free(observer)
