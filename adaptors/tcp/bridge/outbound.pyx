"""From a copy to the socket: pass the stream's head, write what the socket takes, report progress, half-close.

Several chunks go into one system call. Nothing is written beyond what the socket takes; the rest waits in the content,
where the window of the other side bounds it.
"""

from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy, memset

from skrouter.adaptors.tcp.bridge.encapsulation cimport (
    STREAM_HEAD_DONE,
    STREAM_HEAD_MORE,
    read_stream_head,
    stream_head_t,
)
from skrouter.adaptors.tcp.bridge.inbound cimport inbound_stop_waiting
from skrouter.adaptors.tcp.bridge.model cimport HEAD_ROOM, OCTETS_PER_PASS
from skrouter.adaptors.tcp.bridge.observer cimport observer_see
from skrouter.adaptors.tcp.bridge.records cimport record_octets
from skrouter.adaptors.tcp.bridge.window cimport window_permit, window_report_is_due
from skrouter.amqp.engine.poller cimport SCRATCH
from skrouter.amqp.engine.proton_api cimport PN_ACCEPTED, PN_RECEIVED, PN_REJECTED, PN_RELEASED
from skrouter.amqp.engine.stream cimport STREAM_AGAIN, STREAM_ERROR, stream_end_output, stream_write
from skrouter.router.forwarder.copies cimport copy_consume, copy_peek, copy_sent
from skrouter.router.forwarder.model cimport chunk_t
from skrouter.router.forwarder.settlement cimport copy_outcome, plain_outcome

from skrouter.amqp import _proton  # noqa: F401


cdef extern from "sys/socket.h" nogil:
    enum:
        MSG_NOSIGNAL
    struct iovec:
        void *iov_base
        size_t iov_len
    struct msghdr:
        iovec *msg_iov
        size_t msg_iovlen
    ssize_t sendmsg(int fd, const msghdr *message, int flags)

cdef enum:
    SLICES = 64                     # chunks given to one sendmsg


cdef void outbound_end(flow_t *flow, outcome_t outcome) noexcept nogil:
    cdef copy_t *copy = flow.outbound
    flow.outbound = NULL
    flow.ended_out = True
    if copy != NULL:
        copy_outcome(copy, &outcome, True)


cdef void _adopt(flow_t *flow) noexcept nogil:
    """Take the first delivery of our link as the stream to write; one that comes later is refused."""
    cdef copy_t *copy = flow.link.first
    cdef outcome_t outcome = plain_outcome(PN_RELEASED)
    if copy == NULL or copy == flow.outbound:
        return
    if flow.ended_out:
        copy_outcome(copy, &outcome, True)
        return
    copy.started = True             # from now on the forwarder tells us of its end
    flow.outbound = copy
    inbound_stop_waiting(flow)


cdef void outbound_write(flow_t *flow) noexcept nogil:
    cdef uint64_t limit = flow.octets_out + OCTETS_PER_PASS
    cdef bint more = True
    if flow.outbound == NULL:
        _adopt(flow)
    if flow.outbound == NULL or flow.blocked or (not flow.headed and not _pass_head(flow)):
        return
    while more and not flow.blocked and not flow.broken:
        more = _write_once(flow)
        if flow.octets_out >= limit:
            flow.blocked = more     # come back when the poller finds it writable
            break
    if not more and not flow.blocked and flow.outbound.content.complete:
        _finish_outbound(flow)
    elif window_report_is_due(flow):
        _report(flow)


cdef bint _pass_head(flow_t *flow) noexcept nogil:
    """Check and pass the sections before the payload. False: not complete yet, or refused."""
    cdef uint8_t octets[HEAD_ROOM]
    cdef size_t length = outbound_gather(flow.outbound, octets, HEAD_ROOM)
    cdef stream_head_t head
    cdef int check = read_stream_head(octets, length, &head)
    if check == STREAM_HEAD_MORE and length < HEAD_ROOM and not flow.outbound.content.complete:
        return False
    if check != STREAM_HEAD_DONE:
        outbound_end(flow, plain_outcome(PN_REJECTED))
        flow.broken = True
        return False
    outbound_pass(flow.outbound, head.length)
    flow.headed = True
    return True


cdef size_t outbound_gather(copy_t *copy, uint8_t *buffer, size_t size) noexcept nogil:
    """Copy what comes next, without passing it."""
    cdef const uint8_t *data = NULL
    cdef size_t length = min(copy_peek(copy, &data), size)
    cdef size_t total = length
    cdef chunk_t *chunk = copy.chunk
    memcpy(buffer, data, length)
    while chunk != NULL and chunk.next != NULL and total < size:
        chunk = chunk.next
        length = min(<size_t>chunk.size, size - total)
        memcpy(buffer + total, chunk.data, length)
        total += length
    return total


cdef void outbound_pass(copy_t *copy, size_t length) noexcept nogil:
    cdef const uint8_t *data
    cdef size_t step
    while length:
        step = min(copy_peek(copy, &data), length)
        copy_consume(copy, step)
        length -= step


cdef void _count_out(flow_t *flow, ssize_t size) noexcept nogil:
    flow.octets_out += size
    if flow.record != NULL:
        record_octets(flow.bridge, flow.record, flow.service == NULL)
    if flow.service != NULL:
        flow.service.counters.octets_out += size
    else:
        flow.server.counters.octets_out += size


cdef bint _write_once(flow_t *flow) noexcept nogil:
    """One write call. Returns whether octets are left."""
    cdef copy_t *copy = flow.outbound
    cdef const uint8_t *data = NULL
    cdef size_t offered = copy_peek(copy, &data)
    cdef ssize_t sent
    if offered == 0:
        return False
    if copy.chunk.next == NULL:
        sent = stream_write(&flow.stream, data, offered)
    elif flow.stream.tls != NULL:
        offered = outbound_gather(copy, flow.bridge.engine.write_scratch, SCRATCH)
        sent = stream_write(&flow.stream, flow.bridge.engine.write_scratch, offered)
    else:
        sent = _send_chunks(flow, copy, &offered)
    if sent == STREAM_AGAIN:
        flow.blocked = True
    elif sent < 0:
        flow.broken = True
    else:
        _count_out(flow, sent)
        if flow.observer != NULL:
            _show(flow, copy, sent)
        outbound_pass(copy, sent)
        flow.blocked = flow.stream.tls == NULL and <size_t>sent < offered
    return True


cdef void _show(flow_t *flow, copy_t *copy, size_t length) noexcept nogil:
    """The observer sees what the socket has taken."""
    cdef chunk_t *chunk = copy.chunk
    cdef uint32_t start = copy.offset
    cdef size_t step
    while length and chunk != NULL:
        step = min(length, <size_t>(chunk.size - start))
        observer_see(flow, chunk.data + start, step, False)
        length -= step
        start = 0
        chunk = chunk.next


cdef ssize_t _send_chunks(flow_t *flow, copy_t *copy, size_t *offered) noexcept nogil:
    """Many chunks with one call, without copying them together. The cursor stands in the first."""
    cdef iovec slices[SLICES]
    cdef msghdr message
    cdef chunk_t *chunk = copy.chunk
    cdef size_t count = 0
    cdef uint32_t start = copy.offset
    cdef ssize_t sent
    offered[0] = 0
    while chunk != NULL and count < SLICES:
        slices[count].iov_base = chunk.data + start
        slices[count].iov_len = chunk.size - start
        offered[0] += chunk.size - start
        start = 0
        count += 1
        chunk = chunk.next
    memset(&message, 0, sizeof(message))
    message.msg_iov = slices
    message.msg_iovlen = count
    sent = sendmsg(flow.stream.watch.fd, &message, MSG_NOSIGNAL)
    if sent >= 0:
        return sent
    if errno == EAGAIN or errno == EINTR:
        return STREAM_AGAIN
    flow.stream.error = errno
    return STREAM_ERROR


cdef void _report(flow_t *flow) noexcept nogil:
    """Tell the other side how much the socket has taken (spec: §3.4), and a router of ours how far ahead it may be."""
    cdef outcome_t outcome = plain_outcome(PN_RECEIVED)
    flow.reported = outcome.section_offset = flow.octets_out
    outcome.section_number = window_permit(flow)
    if not flow.outbound.content.complete:
        copy_outcome(flow.outbound, &outcome, False)


cdef void _finish_outbound(flow_t *flow) noexcept nogil:
    """All is written: half-close, and accept the stream."""
    cdef copy_t *copy = flow.outbound
    cdef outcome_t outcome = plain_outcome(PN_ACCEPTED)
    stream_end_output(&flow.stream)
    flow.outbound = NULL
    flow.ended_out = True
    flow.sender_gone = copy.settle_on_send
    if not copy_sent(copy):
        copy_outcome(copy, &outcome, True)
    _adopt(flow)
