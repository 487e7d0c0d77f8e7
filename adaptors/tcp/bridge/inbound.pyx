"""From the socket to an arrival: the stream's head, then octets as they come, never beyond the window (spec: §3.4)."""

from libc.stdint cimport uint8_t

from skrouter.adaptors.tcp.bridge.encapsulation cimport write_stream_head
from skrouter.adaptors.tcp.bridge.model cimport (
    FLOW_OPEN,
    HEAD_ROOM,
    IDENTITY_LIMIT,
    PATIENCE,
    address_t,
    bridge_t,
    text_t,
)
from skrouter.adaptors.tcp.bridge.observer cimport observer_see
from skrouter.adaptors.tcp.bridge.records cimport record_identity, record_octets
from skrouter.adaptors.tcp.bridge.window cimport window_read, window_room
from skrouter.amqp.engine.stream cimport STREAM_ERROR, stream_buffered, stream_read
from skrouter.router.forwarder.deliveries cimport (
    arrival_abort,
    arrival_advance,
    arrival_append,
    arrival_new,
    arrival_settled,
)
from skrouter.router.forwarder.model cimport FLAG_DISABLE_Q2, FLAG_STREAMING, arrival_t
from skrouter.router.forwarder.resend cimport resend_stop

from skrouter.amqp import _proton  # noqa: F401


cdef bint inbound_begin(flow_t *flow) noexcept nogil:
    cdef uint8_t head[HEAD_ROOM]
    cdef bridge_t *bridge = flow.bridge
    cdef char identity[IDENTITY_LIMIT]
    cdef text_t nothing = text_t(NULL, 0)
    cdef address_t nobody
    cdef text_t record = nothing
    cdef size_t length
    cdef arrival_t *arrival
    nobody.size = 0
    if flow.service != NULL:
        if flow.record != NULL:
            record.at = identity
            record.length = record_identity(bridge, flow.record, identity)
        length = write_stream_head(head, HEAD_ROOM, &flow.address, &flow.reply, &record, flow.alpn, flow.alpn_length,
                                   &flow.origin)
    else:
        length = write_stream_head(head, HEAD_ROOM, &flow.reply, &nothing, &nothing, NULL, 0, &nobody)
    if length == 0:
        return False
    arrival = arrival_new(bridge.forwarder, flow.service.link if flow.service != NULL else bridge.replies, False)
    if arrival == NULL:
        return False
    arrival.owner = flow
    arrival.content.head.flags = FLAG_STREAMING | FLAG_DISABLE_Q2
    flow.inbound = arrival
    flow.patient_until = bridge.engine.now + PATIENCE
    if not arrival_append(arrival, head, length):
        return False
    arrival_advance(arrival, False)
    arrival.content.unlimited = False       # the flag is for routers on the way: here it is the socket that waits
    if flow.server != NULL:
        inbound_stop_waiting(flow)
    return True


cdef void inbound_stop_waiting(flow_t *flow) noexcept nogil:
    """The stream is under way: its octets need not be kept for another one."""
    if flow.inbound != NULL and not flow.waits:
        resend_stop(flow.inbound)


cdef bint inbound_may_read(flow_t *flow) noexcept nogil:
    """The window bounds what is on its way; what has not left this router yet is bounded like any message (Q2)."""
    if flow.state != FLOW_OPEN or flow.ended_in or flow.inbound == NULL or flow.waits:
        return False
    return not flow.inbound.content.blocked and window_room(flow) > 0


cdef void inbound_read(flow_t *flow) noexcept nogil:
    """One read, or as many as TLS has decrypted already: the poller does not report those."""
    while inbound_may_read(flow) and not flow.broken:
        _read_once(flow)
        if not stream_buffered(&flow.stream):
            return


cdef void _read_once(flow_t *flow) noexcept nogil:
    cdef uint8_t *buffer = flow.bridge.engine.read_scratch
    cdef ssize_t size = stream_read(&flow.stream, buffer, window_room(flow))
    if size > 0:
        _count_in(flow, size)
        if flow.observer != NULL:
            observer_see(flow, buffer, size, True)
        if arrival_append(flow.inbound, buffer, size):
            arrival_advance(flow.inbound, False)
        else:
            flow.broken = True
    elif size == 0:
        flow.ended_in = True
        arrival_advance(flow.inbound, True)
    elif size == STREAM_ERROR:
        flow.broken = True


cdef void _count_in(flow_t *flow, ssize_t size) noexcept nogil:
    window_read(flow, size)
    if flow.record != NULL:
        record_octets(flow.bridge, flow.record, flow.service != NULL)
    if flow.service != NULL:
        flow.service.counters.octets_in += size
    else:
        flow.server.counters.octets_in += size


cdef void inbound_end(flow_t *flow) noexcept nogil:
    """Nothing more will be read: an unfinished stream is aborted; a finished one is left to its outcome."""
    cdef arrival_t *arrival = flow.inbound
    flow.ended_in = True
    if arrival == NULL or (arrival.content.complete and not flow.waits):
        return
    flow.inbound = NULL
    arrival.owner = NULL
    if arrival.content.complete:
        arrival_settled(arrival)        # it has no way, and nobody looks for one any more
    else:
        arrival_abort(arrival)


cdef void inbound_settle(flow_t *flow) noexcept nogil:
    """A terminal outcome has come and our stream is complete: settle it, if the other side has not."""
    cdef arrival_t *arrival = flow.inbound
    if flow.verdict and arrival != NULL and arrival.content.complete:
        flow.inbound = NULL
        arrival.owner = NULL
        arrival_settled(arrival)
