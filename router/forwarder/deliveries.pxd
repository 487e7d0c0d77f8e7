"""Native face of deliveries, for transports: AMQP links, endpoints in this process, adaptors."""

from libc.stdint cimport uint8_t

from skrouter.router.forwarder.model cimport arrival_t, forwarder_t, link_t

# A new incoming delivery on a link (or link NULL: nobody to tell). NULL without memory.
cdef arrival_t *arrival_new(forwarder_t *forwarder, link_t *link, bint presettled) noexcept nogil
# More octets of the message have arrived. Copies them; False when memory is short.
cdef bint arrival_append(arrival_t *arrival, const uint8_t *data, size_t length) noexcept nogil
# Read the head as soon as it is here: from then on large content is not kept in one piece. arrival_advance does it too.
cdef void arrival_parse(arrival_t *arrival) noexcept nogil
# After appending, or when the last octet is there (`complete`): route if that is possible now, push the copies on.
# The arrival may be gone afterwards.
cdef void arrival_advance(arrival_t *arrival, bint complete) noexcept nogil
# The message will never be complete: abort every copy. The arrival may be gone afterwards.
cdef void arrival_abort(arrival_t *arrival) noexcept nogil
# The sender has settled: settle every copy. The arrival may be gone afterwards.
cdef void arrival_settled(arrival_t *arrival) noexcept nogil
# Nobody will want to hear of this delivery any more (its link is gone): copies go on without it. The arrival is gone afterwards.
cdef void arrival_orphan(arrival_t *arrival) noexcept nogil
# (arrival_free and copy_free, the ends of both, are in settlement.pxd.)
# Send an arrival whose content is ready to one link, without looking at addresses.
cdef void arrival_send_to(arrival_t *arrival, link_t *link) noexcept nogil

# An outgoing or incoming link is gone: undelivered copies are released, sent ones modified, arrivals aborted or orphaned.
cdef void link_lost(link_t *link) noexcept nogil
