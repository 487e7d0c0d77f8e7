"""Floods: what a router tells all others goes whichever way it has not been, and so comes several times.

Every copy would be passed on again, along every path that does not cross itself: more than a mesh with many cycles can carry.
So each router passes on a flooded message only the first time. It is known by where it entered and by its octets, which no
router changes; and forgotten after two seconds, for the same may be said again: advertisements are, after four seconds at the
soonest. What routes are known plays no part in that, so a router with a wrong view of the network is still reached.
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from skrouter.router.forwarder.model cimport FLOODS, chunk_t, content_t, forwarder_t, router_t

cdef enum:
    MEMORY = 2000               # milliseconds


cdef uint64_t _hash(const content_t *content) noexcept nogil:
    """Of the message behind the router annotations."""
    cdef uint64_t value = 14695981039346656037ULL
    cdef const chunk_t *chunk = content.first
    cdef uint32_t at = content.head.body
    while chunk != NULL:
        while at < chunk.size:
            value = (value ^ chunk.data[at]) * 1099511628211ULL
            at += 1
        at = 0
        chunk = chunk.next
    return value


cdef bint flood_was_here(const arrival_t *arrival, unsigned int origin) noexcept nogil:
    cdef forwarder_t *forwarder = arrival.content.forwarder
    cdef router_t *router
    cdef uint64_t value = _hash(arrival.content)
    cdef int64_t now = forwarder.engine.now
    cdef int i
    if origin >= forwarder.router_count:
        return False
    router = &forwarder.routers[origin]
    for i in range(FLOODS):
        if router.floods[i] == value and now - router.flood_times[i] < MEMORY and router.flood_times[i]:
            return True
    router.floods[router.flood_turn] = value
    router.flood_times[router.flood_turn] = now
    router.flood_turn = (router.flood_turn + 1) % FLOODS
    return False
