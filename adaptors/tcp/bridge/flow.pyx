"""A TCP connection and its two streams: octets of the socket into an arrival, octets of a copy into the socket.

    socket --read--> inbound (arrival_t) --forwarder--> the other side
    socket <-write-- outbound (copy_t)   <--forwarder-- the other side

Reading happens when the socket is ready; everything else happens in the flow's task at the end of the poller's pass. What
the forwarder calls only notes what it heard: it may be in the middle of this flow's own delivery.
Rules of closing: spec tcp-adaptor §3.5. A stream that ends before its end is aborted, never completed, so that nobody can
take it for a whole one; a socket whose other side failed is reset.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdio cimport snprintf
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy

from skrouter.adaptors.tcp.bridge.inbound cimport (
    inbound_begin,
    inbound_end,
    inbound_may_read,
    inbound_read,
    inbound_settle,
)
from skrouter.adaptors.tcp.bridge.model cimport (
    ALPN_LIMIT,
    ANSWER_TIME,
    END_ABORTED,
    END_ORDERLY,
    END_REFUSED,
    END_RESET,
    END_TIMEOUT,
    END_TLS,
    FLOW_DEAD,
    FLOW_DRAIN,
    FLOW_LINGER,
    FLOW_OPEN,
    FLOW_PREFACE,
    FLOW_TLS,
    HANDSHAKE_TIME,
    NOTICE_ENDED,
    NOTICE_TLS_FAILED,
    RETRY,
    record_t,
)
from skrouter.adaptors.tcp.bridge.notices cimport ADDRESS_TEXT, address_print, ending_text, notice_add
from skrouter.adaptors.tcp.bridge.observer cimport observer_begin, observer_end
from skrouter.adaptors.tcp.bridge.outbound cimport outbound_end, outbound_write
from skrouter.adaptors.tcp.bridge.records cimport record_end, record_error
from skrouter.adaptors.tcp.bridge.reply cimport reply_close, reply_open
from skrouter.adaptors.tcp.bridge.window cimport window_acknowledged, window_free
from skrouter.amqp.engine.poller cimport (
    HANDLE_ADAPTOR,
    alarm_t,
    engine_arm,
    engine_defer,
    engine_disarm,
    engine_forget,
    engine_name,
    engine_undefer,
    task_t,
    watch_t,
)
from skrouter.amqp.engine.proton_api cimport PN_ACCEPTED, PN_RECEIVED, PN_RELEASED
from skrouter.amqp.engine.stream cimport (
    STREAM_DONE,
    STREAM_ERROR,
    STREAM_IN,
    STREAM_OUT,
    STREAM_REASON,
    stream_buffered,
    stream_close,
    stream_connect_error,
    stream_handshake,
    stream_reason,
    stream_set_reset,
    stream_want,
)
from skrouter.amqp.engine.tls cimport tls_alpn
from skrouter.router.forwarder.deliveries cimport link_lost
from skrouter.router.forwarder.links cimport link_free, link_new
from skrouter.router.forwarder.model cimport LINK_ADAPTOR, arrival_t, copy_t, link_t, outcome_t
from skrouter.router.forwarder.resend cimport resend_anew
from skrouter.router.forwarder.settlement cimport arrival_free, copy_free, failed_outcome

from skrouter.amqp import _proton  # noqa: F401

cdef uint64_t UNKNOWN = <uint64_t>-1     # of moved_octets: a constant

cdef enum:
    WATCH_ERRORS = 8                # EPOLLERR: reported in any case; alone it keeps the descriptor watched for resets


# --- small helpers

cdef bint text_set(text_t *text, const char *at, uint32_t length) noexcept nogil:
    """Keep a copy, terminated. False without memory."""
    free(text.at)
    text.at = <char *>malloc(length + 1)
    text.length = length if text.at != NULL else 0
    if text.at == NULL:
        return False
    memcpy(text.at, at, length)
    text.at[length] = 0
    return True


# --- what the forwarder calls: only notes

cdef void _on_outcome(arrival_t *arrival, const outcome_t *outcome, bint settle) noexcept nogil:
    cdef flow_t *flow = <flow_t *>arrival.owner
    if settle:
        arrival_free(arrival)
    if flow == NULL:
        return
    if settle:
        flow.inbound = NULL
    if outcome != NULL:
        if outcome.state == PN_RECEIVED:
            window_acknowledged(flow, outcome.section_offset, outcome.section_number)
        elif outcome.state >= PN_ACCEPTED and flow.verdict == 0:     # terminal
            flow.verdict = outcome.state
    if settle and flow.verdict == 0:
        flow.verdict = PN_RELEASED      # settled without a state: nobody has taken it
    engine_defer(flow.bridge.engine, &flow.task)


cdef void _on_resume(arrival_t *arrival) noexcept nogil:
    cdef flow_t *flow = <flow_t *>arrival.owner
    if flow != NULL:
        engine_defer(flow.bridge.engine, &flow.task)


cdef bint _on_no_way(arrival_t *arrival) noexcept nogil:
    """A router may know of a server before those on the way do (mobile addresses travel at ticks): try again soon."""
    cdef flow_t *flow = <flow_t *>arrival.owner
    if flow == NULL or flow.state != FLOW_OPEN or flow.bridge.engine.now >= flow.patient_until:
        return False
    flow.waits = True
    engine_arm(flow.bridge.engine, &flow.alarm, flow.bridge.engine.now + RETRY)
    return True


cdef void _on_credit(link_t *link) noexcept nogil:
    """Sockets know no credit."""


cdef void _on_push(link_t *link) noexcept nogil:
    cdef flow_t *flow = <flow_t *>link.owner
    engine_defer(flow.bridge.engine, &flow.task)


cdef void _on_copy_settled(copy_t *copy) noexcept nogil:
    copy_free(copy)


cdef void _on_copy_aborted(copy_t *copy) noexcept nogil:
    cdef flow_t *flow = <flow_t *>copy.link.owner
    if copy == flow.outbound:
        flow.outbound = NULL
        flow.aborted = True
        engine_defer(flow.bridge.engine, &flow.task)
    copy_free(copy)


cdef link_ops_t INBOUND_OPS         # tables of functions, written once when the module is loaded
INBOUND_OPS.outcome = _on_outcome
INBOUND_OPS.resume = _on_resume
INBOUND_OPS.credit = _on_credit
INBOUND_OPS.no_way = _on_no_way

cdef link_ops_t OUTBOUND_OPS
OUTBOUND_OPS.push = _on_push
OUTBOUND_OPS.copy_settled = _on_copy_settled
OUTBOUND_OPS.copy_aborted = _on_copy_aborted


cdef const link_ops_t *inbound_ops() noexcept nogil:
    return &INBOUND_OPS


# --- life

cdef flow_t *flow_new(bridge_t *bridge) noexcept nogil:
    cdef flow_t *flow = <flow_t *>calloc(1, sizeof(flow_t))
    if flow == NULL:
        return NULL
    flow.link = link_new(bridge.forwarder, LINK_ADAPTOR, True, &OUTBOUND_OPS, flow)
    if flow.link == NULL:
        free(flow)
        return NULL
    flow.link.capacity = 1
    flow.bridge = bridge
    flow.stream.watch.fd = -1
    flow.task.run = _run
    flow.task.owner = flow.alarm.owner = flow
    flow.alarm.due = _on_alarm
    flow.handle = engine_name(bridge.engine, HANDLE_ADAPTOR, flow)
    flow.opened_at = bridge.engine.now
    flow.next = bridge.flows
    if bridge.flows != NULL:
        bridge.flows.previous = flow
    bridge.flows = flow
    bridge.flow_count += 1
    return flow


cdef void flow_free(flow_t *flow) noexcept nogil:
    cdef bridge_t *bridge = flow.bridge
    engine_undefer(bridge.engine, &flow.task)
    engine_forget(bridge.engine, flow.handle)
    window_free(flow)
    _end_record(flow)
    if flow.counted:
        bridge.endings[<int>flow.why] += 1
        if flow.why in (END_RESET, END_ABORTED, END_REFUSED, END_TIMEOUT):
            notice_add(bridge, NOTICE_ENDED, flow.service.handle if flow.service != NULL else flow.server.handle,
                       &flow.peer, ending_text(flow.why))
    _leave_parent(flow)
    if flow.previous != NULL:
        flow.previous.next = flow.next
    else:
        bridge.flows = flow.next
    if flow.next != NULL:
        flow.next.previous = flow.previous
    bridge.flow_count -= 1
    free(flow.reply.at)
    free(flow.preface)
    free(flow)


cdef void _leave_parent(flow_t *flow) noexcept nogil:
    """The service or server is told; a removed one is freed by the bridge's sweep."""
    if flow.service != NULL:
        flow.service.flows -= 1
        if flow.counted:
            flow.service.counters.closed += 1
    if flow.server != NULL:
        flow.server.flows -= 1
        if flow.counted:
            flow.server.counters.closed += 1
        if flow.moved and flow.server.link != NULL:
            flow.server.link.moved_count -= 1


cdef void _end_record(flow_t *flow) noexcept nogil:
    cdef record_t *record = flow.record
    observer_end(flow)
    flow.record = NULL
    if record != NULL:
        record_end(flow.bridge, record)


cdef void flow_ends(flow_t *flow, ending why) noexcept nogil:
    if flow.why == END_ORDERLY:
        flow.why = why


cdef bint _socket_failed(flow_t *flow) noexcept nogil:
    """Not the other side. A reset that no read or write has met yet is asked for."""
    if flow.stream.error or (flow.stream.tls != NULL and flow.stream.tls.failed):
        return True
    return not flow.aborted and flow.stream.watch.fd >= 0 and stream_connect_error(&flow.stream) != 0


cdef void _note_failure(flow_t *flow) noexcept nogil:
    """Why the connection is of no use any more, for its record, unless that is known already."""
    cdef char reason[STREAM_REASON]
    cdef char place[ADDRESS_TEXT]
    cdef char text[STREAM_REASON + ADDRESS_TEXT + 32]
    cdef bint failed = _socket_failed(flow)
    flow_ends(flow, END_RESET if failed else END_ABORTED if flow.aborted else END_REFUSED)
    if flow.record == NULL or flow.record.error != NULL:
        return
    if failed:
        stream_reason(&flow.stream, reason, STREAM_REASON)
        address_print(&flow.peer, place)
        snprintf(text, sizeof(text), b"%s - async disconnect %s", reason, place)
        record_error(flow.record, b"proton:io", text)
    else:
        record_error(flow.record, b"delivery-failed", b"destination unreachable")


cdef void flow_drop(flow_t *flow, ending why, const char *condition, const char *description) noexcept nogil:
    flow_ends(flow, why)
    record_error(flow.record, condition, description)
    flow.broken = True
    engine_defer(flow.bridge.engine, &flow.task)


cdef void _drop_link(flow_t *flow) noexcept nogil:
    reply_close(flow)
    if flow.link != NULL:
        link_lost(flow.link)
        link_free(flow.link)
        flow.link = NULL


cdef void _close(flow_t *flow) noexcept nogil:
    """The socket is done. The flow lives on while the other side still has octets of ours to settle."""
    engine_disarm(flow.bridge.engine, &flow.alarm)
    _end_record(flow)
    stream_close(&flow.stream)
    _drop_link(flow)
    flow.task.run = _run
    flow.state = FLOW_DEAD if flow.inbound == NULL else FLOW_LINGER
    engine_defer(flow.bridge.engine, &flow.task)


cdef void flow_fail(flow_t *flow) noexcept nogil:
    if flow.state == FLOW_DEAD or flow.state == FLOW_LINGER:
        return
    outbound_end(flow, failed_outcome())
    inbound_end(flow)
    stream_set_reset(&flow.stream)
    _close(flow)


# --- beginning

cdef void flow_connected(flow_t *flow) noexcept nogil:
    flow.stream.watch.ready = _on_ready
    flow.task.run = _run
    if flow.stream.tls == NULL:
        _start(flow)
        return
    flow.state = FLOW_TLS
    engine_arm(flow.bridge.engine, &flow.alarm, flow.bridge.engine.now + HANDSHAKE_TIME)
    stream_want(&flow.stream, STREAM_IN)
    _shake_hands(flow)


cdef void _on_alarm(alarm_t *alarm) noexcept nogil:
    cdef flow_t *flow = <flow_t *>alarm.owner
    if not flow.waits:
        _too_late(flow)
        return
    flow.waits = False
    if flow.inbound != NULL:
        resend_anew(flow.inbound)
        flow.bridge.forwarder.route_again(flow.inbound)
    engine_defer(flow.bridge.engine, &flow.task)


cdef void _too_late(flow_t *flow) noexcept nogil:
    if flow.state != FLOW_OPEN:
        flow_drop(flow, END_TIMEOUT, b"TLS-connection-failed", b"no handshake in time")
    elif flow.outbound == NULL and not flow.ended_out:
        flow_drop(flow, END_TIMEOUT, b"delivery-failed", b"no answer of the server's router in time")
    elif flow.octets_in + flow.octets_out == flow.moved_octets:
        flow_drop(flow, END_TIMEOUT, b"amqp:resource-limit-exceeded", b"half-closed and idle")
    else:
        _watch_half(flow)


cdef void _watch_half(flow_t *flow) noexcept nogil:
    """One direction has ended: the connection may not sit there for ever."""
    flow.moved_octets = flow.octets_in + flow.octets_out
    engine_arm(flow.bridge.engine, &flow.alarm, flow.bridge.engine.now + flow.bridge.half_closed_time)


cdef void _shake_hands(flow_t *flow) noexcept nogil:
    cdef char reason[STREAM_REASON]
    cdef int result = stream_handshake(&flow.stream)
    if result == STREAM_DONE:
        _start(flow)
    elif result == STREAM_ERROR:
        stream_reason(&flow.stream, reason, STREAM_REASON)
        notice_add(flow.bridge, NOTICE_TLS_FAILED, flow.service.handle if flow.service != NULL else flow.server.handle,
                   &flow.peer, reason)
        record_error(flow.record, b"TLS-connection-failed", reason)
        flow_ends(flow, END_TLS)
        flow_fail(flow)


cdef void _note_alpn(flow_t *flow) noexcept nogil:
    """What a TLS client of ours negotiated travels with its stream (spec: §4)."""
    cdef unsigned length = 0
    cdef const uint8_t *protocol
    if flow.service == NULL or flow.stream.tls == NULL:
        return
    protocol = tls_alpn(flow.stream.tls, &length)
    if 0 < length < ALPN_LIMIT:
        memcpy(flow.alpn, protocol, length)
        flow.alpn_length = length


cdef void _start(flow_t *flow) noexcept nogil:
    """Octets can pass: begin our stream with its head, before any octet of the socket."""
    flow.state = FLOW_OPEN
    engine_disarm(flow.bridge.engine, &flow.alarm)
    _note_alpn(flow)
    if flow.service != NULL and not reply_open(flow):
        flow_fail(flow)
        return
    observer_begin(flow)
    if not inbound_begin(flow):
        flow_fail(flow)
        return
    engine_defer(flow.bridge.engine, &flow.task)


# --- the socket is ready

cdef void _on_ready(watch_t *watch, uint32_t events) noexcept nogil:
    cdef flow_t *flow = <flow_t *>watch.owner
    if flow.state == FLOW_TLS:
        _shake_hands(flow)
        return
    flow.blocked = False
    engine_defer(flow.bridge.engine, &flow.task)
    if flow.stream.wants & STREAM_IN:
        inbound_read(flow)
    elif events & ~STREAM_OUT and not flow.stream.wants & STREAM_OUT:
        flow.broken = True              # nothing was waited for: this is a reset


# --- the task

cdef void _run(task_t *task) noexcept nogil:
    cdef flow_t *flow = <flow_t *>task.owner
    if flow.state == FLOW_DEAD:
        flow_free(flow)
    elif flow.state == FLOW_LINGER:
        _linger(flow)
    elif flow.broken or flow.aborted:
        _note_failure(flow)
        flow_fail(flow)
    elif flow.state != FLOW_TLS and flow.state != FLOW_PREFACE:
        _work(flow)


cdef void _linger(flow_t *flow) noexcept nogil:
    inbound_settle(flow)
    if flow.inbound == NULL:
        flow.state = FLOW_DEAD
        flow_free(flow)


cdef void _work(flow_t *flow) noexcept nogil:
    if flow.verdict:
        _heed_verdict(flow)
        if flow.state == FLOW_DEAD or flow.state == FLOW_LINGER:
            return
    if stream_buffered(&flow.stream):
        inbound_read(flow)
    outbound_write(flow)
    if flow.broken:
        _note_failure(flow)
        flow_fail(flow)
    elif flow.ended_in and flow.ended_out:
        _close(flow)
    else:
        _set_interest(flow)


cdef void _heed_verdict(flow_t *flow) noexcept nogil:
    """The other side has spoken about our stream. Unless it has taken it, this connection is of no use any more; but what
    the other side has sent completely is still delivered."""
    flow.unlimited = True
    if flow.verdict == PN_ACCEPTED:
        inbound_settle(flow)
        _expect_answer(flow)
        return
    if flow.ended_out and not flow.sender_gone:
        inbound_end(flow)
        inbound_settle(flow)
        _close(flow)
    elif flow.outbound != NULL and flow.outbound.content.complete and not flow.outbound.settle_on_send:
        flow.state = FLOW_DRAIN
        inbound_end(flow)
        inbound_settle(flow)
    else:
        _note_failure(flow)
        inbound_settle(flow)
        flow_fail(flow)


cdef void _expect_answer(flow_t *flow) noexcept nogil:
    """A server has taken all; its own stream began before. If it was aborted before a router on the way had begun to send
    it, there is nothing that could tell of its end."""
    if flow.service != NULL and flow.outbound == NULL and not flow.ended_out and flow.moved_octets != UNKNOWN:
        flow.moved_octets = UNKNOWN
        engine_arm(flow.bridge.engine, &flow.alarm, flow.bridge.engine.now + ANSWER_TIME)


cdef void _set_interest(flow_t *flow) noexcept nogil:
    """What the socket is watched for. A reset is noticed even while nothing may be read, but once our side of the socket is
    shut down the end of the other would look like one, and would be reported for ever."""
    cdef uint32_t wants = 0
    if inbound_may_read(flow):
        wants |= STREAM_IN
    if flow.blocked:
        wants |= STREAM_OUT
    if wants == 0 and not flow.ended_out:
        wants = WATCH_ERRORS
    stream_want(&flow.stream, wants)
    if (flow.ended_in or flow.ended_out) and not flow.alarm.armed:
        _watch_half(flow)
