"""Incoming AMQP deliveries: from proton's events to arrivals, and outcomes and credit back to the sender.

An event comes once for every frame; one link has one current delivery, and those behind it wait until it is complete.
"""

from libc.stdint cimport uint64_t, uint8_t
from libc.stdlib cimport free

from skrouter.amqp.engine.poller cimport SCRATCH
from skrouter.amqp.engine.proton_api cimport *
from skrouter.amqp.engine.connection cimport connection_fail, connection_wake
from skrouter.amqp.engine.model cimport connection_t
from skrouter.router.forwarder.content cimport content_grew, content_room
from skrouter.router.forwarder.deliveries cimport (
    arrival_abort,
    arrival_advance,
    arrival_new,
    arrival_parse,
    arrival_settled,
)
from skrouter.router.forwarder.limits cimport limits_exceeded, limits_too_large
from skrouter.router.forwarder.model cimport arrival_t, link_t, links_t, outcome_t
from skrouter.router.forwarder.settlement cimport arrival_free, rejection


cdef void incoming_delivery(link_t *link, pn_delivery_t *delivery) noexcept nogil:
    """Octets, the sender's settlement, or both; the event comes once for every frame."""
    cdef arrival_t *arrival = <arrival_t *>pn_delivery_get_context(delivery)
    if arrival == NULL:
        _take_current(link)
        return
    if pn_delivery_aborted(delivery):
        _aborted(arrival)
        _take_current(link)
        return
    _go_on(link, arrival, delivery)


cdef void _go_on(link_t *link, arrival_t *arrival, pn_delivery_t *delivery) noexcept nogil:
    """Take what has come of a delivery, then what waits behind it, then the sender's settlement."""
    if not arrival.content.complete:
        _receive(arrival)
        if not link.accepted:
            return
        _take_current(link)
    if pn_delivery_get_context(delivery) == arrival and pn_delivery_settled(delivery):
        _sender_settled(arrival)


cdef void _take_current(link_t *link) noexcept nogil:
    """Begin the deliveries whose turn has come. Their own events may have passed while an earlier one was held back."""
    cdef pn_delivery_t *delivery
    cdef arrival_t *arrival
    while link.accepted:
        delivery = pn_link_current(link.pn)
        if delivery == NULL or pn_delivery_get_context(delivery) != NULL:
            return
        if pn_delivery_pending(delivery) == 0 and pn_delivery_partial(delivery) and not pn_delivery_aborted(delivery):
            return
        arrival = arrival_new(link.forwarder, link, pn_delivery_settled(delivery))
        if arrival == NULL:
            connection_fail(link.connection, b"amqp:resource-limit-exceeded", b"out of memory")
            return
        arrival.pn = delivery
        pn_delivery_set_context(delivery, arrival)
        link.connection.last_delivery = link.forwarder.engine.now
        if pn_delivery_aborted(delivery):
            _aborted(arrival)
        else:
            _receive(arrival)


cdef void _sender_settled(arrival_t *arrival) noexcept nogil:
    """The sender has settled behind its first frame; its last octets come first: the event is repeated with them."""
    cdef pn_delivery_t *delivery = arrival.pn
    if arrival.presettled or not arrival.content.complete:
        return
    pn_delivery_set_context(delivery, NULL)
    arrival.pn = NULL
    arrival_settled(arrival)
    pn_delivery_settle(delivery)


cdef void _aborted(arrival_t *arrival) noexcept nogil:
    cdef pn_delivery_t *delivery = arrival.pn
    cdef connection_t *connection = arrival.link.connection
    pn_delivery_set_context(delivery, NULL)
    arrival.pn = NULL
    arrival_abort(arrival)
    pn_delivery_settle(delivery)
    connection_wake(connection)


cdef size_t _read_some(arrival_t *arrival, size_t pending) noexcept nogil:
    """Move octets from proton into the content; 0 when it takes none."""
    cdef uint8_t *room = arrival.link.forwarder.engine.write_scratch
    cdef size_t size = SCRATCH
    cdef ssize_t taken
    if arrival.content.blocked and not arrival.content.unlimited:
        return 0
    if not arrival.content.discarded:
        size = content_room(arrival.content, pending, &room)
    taken = pn_link_recv(arrival.link.pn, <char *>room, size if size < pending else pending)
    if taken <= 0:
        return 0
    (<links_t *>arrival.link.connection.links).octets_in += taken
    if not arrival.content.discarded:
        content_grew(arrival.content, taken)
    return taken


cdef void _receive(arrival_t *arrival) noexcept nogil:
    """Take what proton has of the delivery. The arrival may be gone afterwards."""
    cdef pn_delivery_t *delivery = arrival.pn
    cdef link_t *link = arrival.link
    cdef size_t pending = pn_delivery_pending(delivery)
    cdef bint complete
    cdef bint moved = False
    if pn_link_current(link.pn) != delivery:
        return
    while pending:
        if _read_some(arrival, pending) == 0:
            break
        moved = True
        if limits_too_large(arrival):
            _too_large(arrival)
            return
        arrival_parse(arrival)
        pending = pn_delivery_pending(delivery)
    complete = pending == 0 and not pn_delivery_partial(delivery)
    if complete:
        pn_link_advance(link.pn)
        if arrival.presettled:              # nobody speaks about it any more; its place in proton is free
            pn_delivery_set_context(delivery, NULL)
            arrival.pn = NULL
            pn_delivery_settle(delivery)
        connection_wake(link.connection)
    if moved or complete:
        arrival_advance(arrival, complete)


cdef void _too_large(arrival_t *arrival) noexcept nogil:
    """Refuse it, and take nothing more on its link, which ends with its connection when nobody holds it any more."""
    cdef outcome_t outcome = rejection(b"amqp:link:message-size-exceeded", b"Message size exceeded")
    limits_exceeded(arrival.link)
    if not arrival.presettled:
        tell_sender(arrival, &outcome, False)
    _aborted(arrival)


cdef void queue_resume(arrival_t *arrival) noexcept nogil:
    cdef links_t *links = <links_t *>arrival.link.connection.links
    if arrival.resuming or arrival.pn == NULL:
        return
    arrival.resuming = True
    arrival.next_resume = links.first_resume
    links.first_resume = arrival
    connection_wake(arrival.link.connection)


cdef void resume_all(links_t *links) noexcept nogil:
    cdef arrival_t *arrival
    while links.first_resume != NULL:
        arrival = links.first_resume
        links.first_resume = arrival.next_resume
        arrival.resuming = False
        if arrival.pn != NULL and not arrival.content.complete:
            _go_on(arrival.link, arrival, arrival.pn)


cdef void replace_credit(link_t *link) noexcept nogil:
    if link.pn == NULL:
        return
    if link.withheld:
        link.owed += 1
        return
    pn_link_flow(link.pn, 1)
    connection_wake(link.connection)


cdef void ask_credit_back(link_t *link) noexcept nogil:
    """Drain (spec: routing-protocol §5.7): a broker would else deliver what we release again and again, while credit lasts."""
    if link.pn == NULL or pn_link_get_drain(link.pn) or pn_link_credit(link.pn) <= 0:
        return
    pn_link_drain(link.pn, 0)
    connection_wake(link.connection)


cdef void take_credit_back(link_t *link) noexcept nogil:
    """What the sender has drained is owed to it; given at once if there is a destination again."""
    cdef int drained = pn_link_drained(link.pn)
    if drained <= 0:
        return
    if link.withheld:
        link.owed += drained
        return
    pn_link_flow(link.pn, drained)
    connection_wake(link.connection)


cdef void _fill_disposition(pn_disposition_t *local, const outcome_t *outcome) noexcept nogil:
    if outcome.state == PN_RECEIVED:
        pn_disposition_set_section_number(local, outcome.section_number)
        pn_disposition_set_section_offset(local, outcome.section_offset)
    elif outcome.state == PN_MODIFIED:
        pn_disposition_set_failed(local, True)      # a modified delivery has failed on its way, whoever says so
        pn_disposition_set_undeliverable(local, outcome.undeliverable)
        if outcome.source != NULL:
            pn_data_copy(pn_disposition_annotations(local), pn_disposition_annotations(outcome.source))
    elif outcome.state == PN_REJECTED:
        if outcome.condition != NULL:
            pn_condition_set_name(pn_disposition_condition(local), outcome.condition)
            pn_condition_set_description(pn_disposition_condition(local), outcome.description)
        elif outcome.source != NULL:
            pn_condition_copy(pn_disposition_condition(local), pn_disposition_condition(outcome.source))
    elif outcome.state > PN_MODIFIED and outcome.source != NULL:
        pn_data_copy(pn_disposition_data(local), pn_disposition_data(outcome.source))


cdef void tell_sender(arrival_t *arrival, const outcome_t *outcome, bint settle) noexcept nogil:
    cdef pn_delivery_t *delivery = arrival.pn
    cdef link_t *link = arrival.link
    if delivery != NULL and outcome != NULL and outcome.state:
        _fill_disposition(pn_delivery_local(delivery), outcome)
        pn_delivery_update(delivery, outcome.state)
        if not arrival.told:
            arrival.told = outcome.state >= PN_ACCEPTED
            _count_outcome(link, outcome.state)
    if link.connection != NULL:
        connection_wake(link.connection)
    if not settle:
        return
    if delivery != NULL:
        pn_delivery_set_context(delivery, NULL)
        arrival.pn = NULL
        pn_delivery_settle(delivery)
    arrival_free(arrival)


cdef void _count_outcome(link_t *link, uint64_t state) noexcept nogil:
    if state == PN_ACCEPTED:
        link.accepted_count += 1
    elif state == PN_REJECTED:
        link.rejected_count += 1
    elif state == PN_RELEASED:
        link.released_count += 1
    elif state == PN_MODIFIED:
        link.modified_count += 1
