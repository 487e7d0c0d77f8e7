"""Copies: outgoing deliveries in the queue of their link, from the first octet to the last.

What transports do with them (peek, consume, sent), and what happens to pre-settled ones when a receiver is too slow.
"""

from libc.stdint cimport uint8_t
from libc.stdlib cimport malloc
from libc.string cimport memset

from skrouter.amqp.engine.proton_api cimport PN_ACCEPTED
from skrouter.router.forwarder.content cimport (
    content_release,
    cursor_cancel,
    cursor_close,
    cursor_open,
    cursor_pass,
    cursor_peek,
)
from skrouter.router.forwarder.model cimport NO_NEIGHBOR, arrival_t, copy_t, forwarder_t, link_t, outcome_t
from skrouter.router.forwarder.queues cimport queue_append, queue_remove
from skrouter.router.forwarder.settlement cimport arrival_check, copy_free, copy_outcome, plain_outcome


cdef copy_t *copy_new(arrival_t *arrival) noexcept nogil:
    """A copy that belongs to its arrival and to no link yet."""
    cdef forwarder_t *forwarder = arrival.content.forwarder
    cdef copy_t *copy = forwarder.free_copies
    if copy != NULL:
        forwarder.free_copies = copy.next
    else:
        copy = <copy_t *>malloc(sizeof(copy_t))
        if copy == NULL:
            return NULL
        forwarder.heap.copies += 1
    memset(copy, 0, sizeof(copy_t))
    copy.forwarder = forwarder
    copy.arrival = arrival
    copy.presettled = arrival.presettled
    copy.settle_on_send = arrival.sender_settled
    copy.streams = arrival.streams
    copy.neighbor = NO_NEIGHBOR
    copy.arrived = forwarder.engine.now
    copy.content = arrival.content
    copy.content.references += 1
    cursor_open(copy)
    copy.sibling = arrival.copies
    arrival.copies = copy
    arrival.open_copies += 1
    arrival.unsettled_copies += 1
    forwarder.metrics.copies_live += 1
    return copy


cdef void copy_undo(copy_t *copy) noexcept nogil:
    """Take back a copy that found no link. Its content stays as it is: another way may be tried."""
    cdef forwarder_t *forwarder = copy.forwarder
    cdef arrival_t *arrival = copy.arrival
    arrival.copies = copy.sibling           # it was the last one made
    arrival.open_copies -= 1
    arrival.unsettled_copies -= 1
    cursor_cancel(copy)
    content_release(copy.content)
    copy.next = forwarder.free_copies
    forwarder.free_copies = copy
    forwarder.metrics.copies_live -= 1


cdef void copy_join(copy_t *copy, link_t *link) noexcept nogil:
    """Into the link's queue. When pre-settled copies pile up behind a slow receiver, those that wait are dropped."""
    copy.link = link
    queue_append(&link.first, &link.last, copy)
    link.undelivered_count += 1
    link.delivery_count += 1
    if copy.presettled:
        link.presettled_count += 1
        if link.undelivered_count > link.capacity and link.capacity > 0:
            _drop_presettled(link, copy)


cdef void _drop_presettled(link_t *link, copy_t *newest) noexcept nogil:
    cdef copy_t *copy = link.first.next
    cdef copy_t *following
    while copy != NULL and copy != newest:
        following = copy.next
        if copy.presettled and not copy.started:
            copy_drop(copy)
        copy = following


cdef void copy_drop(copy_t *copy) noexcept nogil:
    """A pre-settled copy that will not be delivered: nobody waits for news, but it is counted."""
    cdef arrival_t *arrival = copy.arrival
    copy.forwarder.metrics.dropped_presettled_deliveries += 1
    if copy.link != NULL:
        copy.link.dropped_presettled_count += 1
    copy_free(copy)
    if arrival != NULL:
        arrival_check(arrival)


cdef void copy_enqueue(copy_t *copy, link_t *link) noexcept nogil:
    copy_join(copy, link)
    link.ops.push(link)


cdef void copy_move(copy_t *copy, link_t *link) noexcept nogil:
    """To another link's queue; nothing of it has been sent yet."""
    cdef link_t *old = copy.link
    queue_remove(&old.first, &old.last, copy)
    old.undelivered_count -= 1
    copy_join(copy, link)


cdef size_t copy_peek(copy_t *copy, const uint8_t **data) noexcept nogil:
    return cursor_peek(copy, data)


cdef void copy_consume(copy_t *copy, size_t length) noexcept nogil:
    cursor_pass(copy, length)


cdef bint copy_sent(copy_t *copy) noexcept nogil:
    cdef link_t *link = copy.link
    cdef arrival_t *arrival = copy.arrival
    cdef outcome_t outcome
    if copy.presettled or copy.settle_on_send:
        copy_free(copy)
        if arrival != NULL:
            arrival_check(arrival)
        return True
    if link.settles_first:
        outcome = plain_outcome(PN_ACCEPTED)
        copy_outcome(copy, &outcome, True)
        return True
    _to_unsettled(copy, link)
    return False


cdef void _to_unsettled(copy_t *copy, link_t *link) noexcept nogil:
    queue_remove(&link.first, &link.last, copy)
    link.undelivered_count -= 1
    link.dealt_with += 1
    copy.sent = True
    cursor_close(copy)
    content_release(copy.content)
    copy.content = NULL
    copy.previous = NULL
    copy.next = link.unsettled
    if link.unsettled != NULL:
        link.unsettled.previous = copy
    link.unsettled = copy
    link.unsettled_count += 1


cdef void push_copies(arrival_t *arrival) noexcept nogil:
    """More of the content is there: every copy that has a link goes on. A push may end its copy, and with the last one the
    arrival."""
    cdef copy_t *copy = arrival.copies
    cdef copy_t *following
    while copy != NULL:
        following = copy.sibling
        if copy.link != NULL:
            copy.link.ops.push(copy.link)
        copy = following
