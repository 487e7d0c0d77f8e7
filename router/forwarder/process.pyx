"""Endpoints in this process: consumers whose messages go up to control, whole."""

from libc.stdint cimport uint8_t

from skrouter.amqp.engine.poller cimport engine_post
from skrouter.amqp.engine.proton_api cimport PN_ACCEPTED
from skrouter.router.forwarder.copies cimport copy_consume, copy_peek, copy_sent
from skrouter.router.forwarder.model cimport LINK_CONTROL, arrival_t, copy_t, link_t, outcome_t
from skrouter.router.forwarder.settlement cimport copy_outcome, plain_outcome

cdef enum event_number:         # positions in skrouter.amqp.events.EVENTS
    MESSAGE_RECEIVED = 9


cdef link_ops_t PROCESS_OPS     # constant after import
PROCESS_OPS.push = _deliver_here
PROCESS_OPS.copy_settled = _no_copy
PROCESS_OPS.copy_aborted = _no_copy
PROCESS_OPS.outcome = _no_outcome
PROCESS_OPS.resume = _no_arrival
PROCESS_OPS.credit = _no_link


cdef const link_ops_t *process_ops() noexcept nogil:
    return &PROCESS_OPS


cdef void _no_copy(copy_t *copy) noexcept nogil:
    pass                        # never called: a copy here ends within _deliver_here


cdef void _no_outcome(arrival_t *arrival, const outcome_t *outcome, bint settle) noexcept nogil:
    pass


cdef void _no_arrival(arrival_t *arrival) noexcept nogil:
    pass


cdef void _no_link(link_t *link) noexcept nogil:
    pass


cdef void _deliver_here(link_t *link) noexcept nogil:
    """Hand every complete message up; an unsettled one is accepted by that."""
    cdef copy_t *copy = link.first
    cdef copy_t *following
    cdef outcome_t outcome
    while copy != NULL:
        following = copy.next
        if copy.content.complete:
            with gil:
                _post_message(link, copy)
            if not copy_sent(copy):
                outcome = plain_outcome(PN_ACCEPTED)
                copy_outcome(copy, &outcome, True)
        copy = following


cdef int _post_message(link_t *link, copy_t *copy) except -1:
    cdef const uint8_t *data = NULL
    cdef size_t size = copy_peek(copy, &data)
    cdef link_t *origin = copy.arrival.link if copy.arrival != NULL else NULL
    cdef list parts = []
    cdef bint control = origin != NULL and origin.kind == LINK_CONTROL
    while size:
        parts.append(<bytes>(<char *>data)[:size])
        copy_consume(copy, size)
        size = copy_peek(copy, &data)
    engine_post(link.forwarder.engine, (
        MESSAGE_RECEIVED, link.handle,
        origin.connection.handle if origin != NULL and origin.connection != NULL else 0,
        origin.handle if origin != NULL else 0, bool(control), b"".join(parts)))
    return 0
