"""Outcomes on their way back, and the end of arrivals and copies (spec: routing-protocol §5.4, §5.7, §5.8).

A receiver's outcome reaches the sender as it is; for a multicast the highest of all copies does, when the last is known.
An arrival ends when its sender has been told (or has settled, or is gone) and its last octet has come: settling a delivery
that is still arriving would confuse the sender's session.
"""

from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memset

from skrouter.amqp.engine.poller cimport HANDLE_ENTRY, HANDLE_LINK, engine_find
from skrouter.amqp.engine.proton_api cimport PN_ACCEPTED, PN_MODIFIED, PN_RECEIVED, PN_REJECTED, PN_RELEASED
from skrouter.router.forwarder.content cimport (
    content_keep_address,
    content_discard,
    content_release,
    content_release_front,
    cursor_close,
)
from skrouter.router.forwarder.counting cimport count_arrival_end, count_copy_end
from skrouter.router.forwarder.queues cimport queue_append, queue_remove
from skrouter.router.forwarder.resend cimport resend_note, resend_stop
from skrouter.router.forwarder.model cimport (
    NO_NEIGHBOR,
    channel_t,
    entry_t,
    forwarder_t,
    link_t,
    links_t,
    metrics_t,
)


cdef outcome_t plain_outcome(uint64_t state) noexcept nogil:
    cdef outcome_t outcome
    memset(&outcome, 0, sizeof(outcome))
    outcome.state = state
    return outcome


cdef outcome_t rejection(const char *condition, const char *description) noexcept nogil:
    cdef outcome_t outcome = plain_outcome(PN_REJECTED)
    outcome.condition = condition
    outcome.description = description
    return outcome


cdef outcome_t failed_outcome() noexcept nogil:
    cdef outcome_t outcome = plain_outcome(PN_MODIFIED)
    outcome.failed = True
    return outcome


# --- ends

cdef void _leave_resume_list(arrival_t *arrival) noexcept nogil:
    cdef links_t *links = <links_t *>arrival.link.connection.links
    cdef arrival_t **place = &links.first_resume
    while place[0] != NULL and place[0] != arrival:
        place = &place[0].next_resume
    if place[0] == arrival:
        place[0] = arrival.next_resume
    arrival.resuming = False


cdef void arrival_free(arrival_t *arrival) noexcept nogil:
    """Out of its link's list; the copies, if any, go on alone. Late credit is replaced now."""
    cdef forwarder_t *forwarder = arrival.content.forwarder
    cdef link_t *link = arrival.link
    cdef copy_t *copy = arrival.copies
    cdef bint owes_credit = link != NULL and (not link.replenish_early or not arrival.routed)
    count_arrival_end(arrival)
    if copy != NULL and link != NULL and link.address != NULL and arrival.content.address == NULL:
        content_keep_address(arrival.content, link.address, link.address_length)
    while copy != NULL:
        copy.arrival = NULL
        copy = copy.sibling
    arrival.content.arrival = NULL          # nobody is left to read on into the room that comes
    content_release_front(arrival.content)
    free(arrival.tried)
    if arrival.resuming:
        _leave_resume_list(arrival)
    if link != NULL:
        if arrival.previous != NULL:
            arrival.previous.next = arrival.next
        else:
            link.arrivals = arrival.next
        if arrival.next != NULL:
            arrival.next.previous = arrival.previous
    content_release(arrival.content)
    arrival.next = forwarder.free_arrivals
    forwarder.free_arrivals = arrival
    forwarder.metrics.arrivals_live -= 1
    if owes_credit:
        link.ops.credit(link)


cdef void _leave_queue(copy_t *copy) noexcept nogil:
    """Out of the list it is in: a link's queue, a link's unsettled ones, or a waiting queue."""
    cdef link_t *link = copy.link
    cdef copy_t *last = NULL
    if link == NULL:
        queue_remove(&copy.waits_in.first, &copy.waits_in.last, copy)
    elif copy.sent:
        queue_remove(&link.unsettled, &last, copy)
    else:
        queue_remove(&link.first, &link.last, copy)
    if copy.channel != NULL:
        _hand_request_on(copy, copy.channel)


cdef void _hand_request_on(copy_t *copy, channel_t *channel) noexcept nogil:
    """Its channel waits for a link by this copy: the next one waits in its place."""
    cdef copy_t *successor = channel.waiting.first
    copy.channel = NULL
    if successor == NULL:
        channel.asked = False
        return
    queue_remove(&channel.waiting.first, &channel.waiting.last, successor)
    successor.channel = channel
    successor.waits_in = copy.waits_in
    queue_append(&copy.waits_in.first, &copy.waits_in.last, successor)


cdef void _leave_arrival(copy_t *copy) noexcept nogil:
    cdef copy_t **place = &copy.arrival.copies
    while place[0] != copy:
        place = &place[0].sibling
    place[0] = copy.sibling
    copy.arrival.unsettled_copies -= 1
    if not copy.terminal:
        copy.arrival.open_copies -= 1
    copy.arrival = NULL


cdef void _count_back(copy_t *copy, forwarder_t *forwarder) noexcept nogil:
    """It is no longer outstanding at its next hop; its entry may be gone by now."""
    cdef entry_t *entry = <entry_t *>engine_find(forwarder.engine, HANDLE_ENTRY, copy.entry_handle)
    if entry != NULL and <uint32_t>copy.neighbor < entry.outstanding_size and entry.outstanding[copy.neighbor]:
        entry.outstanding[copy.neighbor] -= 1


cdef void _move_back(copy_t *copy, forwarder_t *forwarder) noexcept nogil:
    """The stream that left a link for one of its own has ended; the link may be gone by now."""
    cdef link_t *link = <link_t *>engine_find(forwarder.engine, HANDLE_LINK, copy.consumer)
    if link != NULL:
        link.moved_count -= 1


cdef void copy_free(copy_t *copy) noexcept nogil:
    """Release a copy for good: out of every list; tells nobody."""
    cdef forwarder_t *forwarder = copy.forwarder
    cdef link_t *link = copy.link
    _leave_queue(copy)
    if link != NULL and copy.sent:
        link.unsettled_count -= 1
    elif link != NULL:
        link.undelivered_count -= 1
        link.dealt_with += 1
    if copy.neighbor != NO_NEIGHBOR:
        _count_back(copy, forwarder)
    if copy.moved:
        _move_back(copy, forwarder)
    count_copy_end(copy)
    if copy.arrival != NULL:
        _leave_arrival(copy)
    if copy.content != NULL:
        cursor_close(copy)
        content_release(copy.content)
    copy.next = forwarder.free_copies
    forwarder.free_copies = copy
    forwarder.metrics.copies_live -= 1


# --- outcomes

cdef int _rank(uint64_t state) noexcept nogil:
    if state == 0:
        return 0
    if state == PN_REJECTED or state > PN_MODIFIED:
        return 4
    if state == PN_ACCEPTED:
        return 3
    return 2 if state == PN_MODIFIED else 1


cdef void _count(copy_t *copy, uint64_t state) noexcept nogil:
    cdef metrics_t *metrics = &copy.forwarder.metrics
    cdef link_t *link = copy.link
    if state == PN_ACCEPTED:
        metrics.accepted_deliveries += 1
        if link != NULL:
            link.accepted_count += 1
    elif state == PN_REJECTED:
        metrics.rejected_deliveries += 1
        if link != NULL:
            link.rejected_count += 1
    elif state == PN_RELEASED:
        metrics.released_deliveries += 1
        if link != NULL:
            link.released_count += 1
    elif state == PN_MODIFIED:
        metrics.modified_deliveries += 1
        if link != NULL:
            link.modified_count += 1


cdef bint _is_terminal(uint64_t state) noexcept nogil:
    return state >= PN_ACCEPTED


cdef void copy_outcome(copy_t *copy, const outcome_t *outcome, bint settled) noexcept nogil:
    """Count it, release the copy if it is settled, and let the sender know."""
    cdef arrival_t *arrival = copy.arrival
    cdef bint news = not copy.terminal and (_is_terminal(outcome.state) or settled)
    if arrival != NULL and arrival.content.retained and (outcome.state or settled):
        if outcome.state == PN_RELEASED and resend_note(arrival, copy):
            _send_another_way(arrival, copy, settled)
            return
        resend_stop(arrival)
    if news:
        _count(copy, outcome.state)
        copy.terminal = True
        if arrival != NULL:
            arrival.open_copies -= 1
            if _rank(outcome.state) > _rank(arrival.best):
                arrival.best = outcome.state
    if settled:
        copy_free(copy)
    if arrival == NULL:
        return
    if arrival.multicast:
        _tell_combined(arrival, outcome)
    elif settled:
        arrival_finish(arrival, outcome)
    elif outcome.state and arrival.link != NULL and not arrival.sender_settled and not arrival.presettled:
        arrival.link.ops.outcome(arrival, outcome, False)


cdef void _send_another_way(arrival_t *arrival, copy_t *copy, bint settled) noexcept nogil:
    """Give up this copy, which was released, and route its arrival anew."""
    if copy.link != NULL:
        copy.link.released_count += 1
    if settled or not copy.started:
        copy_free(copy)
    elif copy.sent:
        copy.link.ops.copy_settled(copy)
    else:
        copy.link.ops.copy_aborted(copy)
    arrival.content.forwarder.route_again(arrival)


cdef void _tell_combined(arrival_t *arrival, const outcome_t *outcome) noexcept nogil:
    """All copies of a multicast must have spoken; the last to settle settles the whole."""
    cdef outcome_t combined
    if arrival.open_copies:
        return
    combined = outcome[0] if outcome.state == arrival.best else plain_outcome(arrival.best)
    if combined.state > PN_MODIFIED:
        combined = plain_outcome(PN_REJECTED)
    if arrival.unsettled_copies == 0:
        arrival_finish(arrival, &combined)
    elif arrival.link != NULL and not arrival.sender_settled and not arrival.presettled:
        arrival.link.ops.outcome(arrival, &combined, False)


cdef void arrival_finish(arrival_t *arrival, const outcome_t *outcome) noexcept nogil:
    """No copy is left, or there never was one: tell the sender and settle, as soon as the message is complete."""
    cdef bint silent = arrival.link == NULL or arrival.presettled or arrival.sender_settled
    resend_stop(arrival)
    if not arrival.content.complete:
        arrival.settle_due = True
        content_discard(arrival.content)
        if not silent:
            arrival.link.ops.outcome(arrival, outcome, False)
    elif silent:
        arrival_free(arrival)
    else:
        arrival.link.ops.outcome(arrival, outcome, True)


cdef void arrival_check(arrival_t *arrival) noexcept nogil:
    if arrival.copies != NULL:
        return
    if arrival.content.complete:
        arrival_free(arrival)
    else:
        arrival.settle_due = True
        content_discard(arrival.content)
