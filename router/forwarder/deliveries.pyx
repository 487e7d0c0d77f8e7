"""An arrival from its first octet to its end: octets, head, routing; settlement, abort and loss from the sender's side.

    octets -> arrival_append -> arrival_advance -> head known? -> route -> treatment -> copies on links -> ops.push

A message goes out when it is complete; or while it still arrives, if it is marked as streaming or has outgrown Q2.
"""

from libc.stdint cimport uint8_t
from libc.stdlib cimport malloc
from libc.string cimport memset

from skrouter.amqp.engine.proton_api cimport PN_RELEASED
from skrouter.router.forwarder.content cimport content_append, content_new
from skrouter.router.forwarder.copies cimport copy_drop, copy_enqueue, copy_new, push_copies
from skrouter.router.forwarder.model cimport (
    FLAG_DISABLE_Q2,
    FLAG_STREAMING,
    HEAD_LIMIT,
    LINK_STREAMING,
    arrival_t,
    content_t,
    copy_t,
    forwarder_t,
    link_t,
    outcome_t,
)
from skrouter.router.forwarder.resend cimport resend_stop
from skrouter.router.forwarder.routing cimport route
from skrouter.router.forwarder.sections cimport HEAD_INVALID, HEAD_MORE, head_result, read_head
from skrouter.router.forwarder.settlement cimport (
    arrival_free,
    copy_free,
    copy_outcome,
    failed_outcome,
    plain_outcome,
)


cdef arrival_t *arrival_new(forwarder_t *forwarder, link_t *link, bint presettled) noexcept nogil:
    cdef arrival_t *arrival = forwarder.free_arrivals
    if arrival != NULL:
        forwarder.free_arrivals = arrival.next
    else:
        arrival = <arrival_t *>malloc(sizeof(arrival_t))
        if arrival == NULL:
            return NULL
        forwarder.heap.arrivals += 1
    memset(arrival, 0, sizeof(arrival_t))
    arrival.content = content_new(forwarder)
    if arrival.content == NULL:
        arrival.next = forwarder.free_arrivals
        forwarder.free_arrivals = arrival
        return NULL
    arrival.content.arrival = arrival
    arrival.presettled = presettled
    arrival.arrived = forwarder.engine.now
    forwarder.metrics.arrivals_live += 1
    if link == NULL:
        return arrival
    arrival.link = link
    arrival.next = link.arrivals
    if link.arrivals != NULL:
        link.arrivals.previous = arrival
    link.arrivals = arrival
    link.delivery_count += 1
    if presettled:
        link.presettled_count += 1
    return arrival


cdef bint arrival_append(arrival_t *arrival, const uint8_t *data, size_t length) noexcept nogil:
    return content_append(arrival.content, data, length)


cdef void arrival_advance(arrival_t *arrival, bint complete) noexcept nogil:
    if complete:
        arrival.content.complete = True
    if not arrival.routed:
        if _may_route(arrival):
            route(arrival)
        return
    if arrival.settle_due:
        if complete:
            _settle_late(arrival)
        return
    push_copies(arrival)


cdef void _settle_late(arrival_t *arrival) noexcept nogil:
    """The sender knows its outcome already and waits only for settlement."""
    if arrival.link == NULL or arrival.presettled or arrival.sender_settled:
        arrival_free(arrival)
    else:
        arrival.link.ops.outcome(arrival, NULL, True)


cdef bint _may_route(arrival_t *arrival) noexcept nogil:
    """Whether the head is known, and the message complete or streaming."""
    cdef content_t *content = arrival.content
    arrival_parse(arrival)
    if not content.parsed:
        return False
    return content.complete or content.head.flags & FLAG_STREAMING or content.blocked


cdef void arrival_parse(arrival_t *arrival) noexcept nogil:
    """Read the head if it is here. One that is unreadable, or cut short by the end, counts as known: see route."""
    cdef content_t *content = arrival.content
    cdef head_result result
    if content.parsed:
        return
    if content.first == NULL:
        content.parsed = content.complete
        return
    result = read_head(content.first.data, content.first.size,
                       arrival.link != NULL and arrival.link.annotated, &content.head)
    if result == HEAD_MORE and not content.complete and content.first.size < HEAD_LIMIT:
        return
    content.parsed = True
    content.invalid = result == HEAD_INVALID
    if arrival.link != NULL:
        content.head.flags |= arrival.link.flags
    if content.head.flags & FLAG_DISABLE_Q2:
        content.unlimited = True
        if content.blocked:
            content.blocked = False
            arrival.link.ops.resume(arrival)


cdef void arrival_settled(arrival_t *arrival) noexcept nogil:
    cdef copy_t *copy = arrival.copies
    cdef copy_t *following
    arrival.sender_settled = True
    resend_stop(arrival)
    while copy != NULL:
        following = copy.sibling
        if copy.sent:
            copy.arrival = NULL
            _unlink_sibling(arrival, copy)
            copy.link.ops.copy_settled(copy)
        else:
            copy.settle_on_send = True
        copy = following
    if arrival.copies == NULL and arrival.content.complete and arrival.routed:
        arrival_free(arrival)


cdef void _unlink_sibling(arrival_t *arrival, copy_t *copy) noexcept nogil:
    cdef copy_t **place = &arrival.copies
    while place[0] != copy:
        place = &place[0].sibling
    place[0] = copy.sibling
    arrival.unsettled_copies -= 1
    if not copy.terminal:
        arrival.open_copies -= 1


cdef void arrival_abort(arrival_t *arrival) noexcept nogil:
    cdef copy_t *copy = arrival.copies
    cdef copy_t *following
    arrival.content.aborted = True
    arrival.content.complete = True
    while copy != NULL:
        following = copy.sibling
        _unlink_sibling(arrival, copy)
        copy.arrival = NULL
        if copy.started:
            copy.link.ops.copy_aborted(copy)
        else:
            _take_from_link(copy)
        copy = following
    arrival_free(arrival)


cdef void _take_from_link(copy_t *copy) noexcept nogil:
    """Nobody has seen it. A streaming link that waited for nothing else is free again."""
    cdef link_t *link = copy.link
    copy_free(copy)
    if link != NULL and link.kind == LINK_STREAMING:
        link.ops.push(link)


cdef void arrival_orphan(arrival_t *arrival) noexcept nogil:
    if arrival.content.complete:
        arrival_free(arrival)
    else:
        arrival_abort(arrival)


cdef void arrival_send_to(arrival_t *arrival, link_t *link) noexcept nogil:
    cdef copy_t *copy
    arrival.content.complete = True
    arrival.content.parsed = True
    arrival.routed = True
    copy = copy_new(arrival)
    if copy == NULL:
        arrival_free(arrival)
        return
    copy_enqueue(copy, link)


cdef void _lose_copies(copy_t *copy) noexcept nogil:
    """From the first: what nobody has seen is released, what may have been seen is modified."""
    cdef copy_t *following
    cdef outcome_t outcome
    while copy != NULL:
        following = copy.next
        if copy.presettled:
            copy_drop(copy)
        else:
            outcome = failed_outcome() if copy.started or copy.sent else plain_outcome(PN_RELEASED)
            copy_outcome(copy, &outcome, True)
        copy = following


cdef void link_lost(link_t *link) noexcept nogil:
    _lose_copies(link.first)
    _lose_copies(link.unsettled)
    while link.arrivals != NULL:
        arrival_orphan(link.arrivals)
