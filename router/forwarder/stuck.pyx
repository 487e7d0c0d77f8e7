"""Deliveries that are held for too long, and links that are without credit for too long (spec: routing-protocol §5.12).

Control looks at all AMQP links from time to time, in pieces: a piece ends with the link that has used up its budget. What is
found is marked, so that it is counted for as long as it lasts and told once. Streams may take their time.
"""

from libc.stdint cimport int64_t, uint32_t

from skrouter.amqp.engine.poller cimport HANDLE_LINK, engine_t
from skrouter.router.forwarder.model cimport arrival_t, copy_t


cdef void link_has_credit(link_t *link) noexcept nogil:
    link.zero_credit_since = 0
    if link.blocked:
        link.blocked = False
        link.forwarder.metrics.links_blocked -= 1


cdef bint look_on(forwarder_t *forwarder, look_t *look) noexcept nogil:
    cdef engine_t *engine = forwarder.engine
    look.stuck = look.blocked = False
    while look.budget and look.place + 1 < engine.slot_count:
        look.place += 1
        look.budget -= 1
        if engine.slots[look.place].kind != HANDLE_LINK:
            continue
        look.link = <link_t *>engine.slots[look.place].thing
        if look.link.pn == NULL:
            continue
        _look_at(look, engine.now - look.age)
        if look.stuck or look.blocked:
            return True
    if look.place + 1 >= engine.slot_count:
        look.place = 0
    return False


cdef void _look_at(look_t *look, int64_t latest) noexcept nogil:
    """Mark what has been there since before `latest`."""
    cdef link_t *link = look.link
    cdef uint32_t known = link.stuck_count
    _mark_copies(look, link.first, latest)
    _mark_copies(look, link.unsettled, latest)
    _mark_arrivals(look, latest)
    look.stuck = known == 0 and link.stuck_count > 0
    look.blocked = not link.blocked and link.zero_credit_since != 0 and link.zero_credit_since < latest
    if look.blocked:
        link.blocked = True
        link.forwarder.metrics.links_blocked += 1


cdef void _mark_copies(look_t *look, copy_t *copy, int64_t latest) noexcept nogil:
    while copy != NULL:
        if not copy.stuck and not copy.streams and copy.arrived < latest:
            copy.stuck = True
            _count(look.link)
        look.budget -= look.budget > 0
        copy = copy.next


cdef void _mark_arrivals(look_t *look, int64_t latest) noexcept nogil:
    """One whose octets are still to come waits for its sender, not here."""
    cdef arrival_t *arrival = look.link.arrivals
    while arrival != NULL:
        if not arrival.stuck and not arrival.streams and arrival.content.complete and arrival.arrived < latest:
            arrival.stuck = True
            _count(look.link)
        look.budget -= look.budget > 0
        arrival = arrival.next


cdef void _count(link_t *link) noexcept nogil:
    link.stuck_count += 1
    link.forwarder.metrics.deliveries_stuck += 1
