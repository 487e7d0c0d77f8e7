"""Resending: a delivery that its sender has marked goes another way when one has released it (spec: routing-protocol §5.9).

Ways are tried depth first: a router that has none left releases, and the router before it tries its next one. Any other
answer, progress of a stream included, ends that. Until then the octets stay; a message that outgrows Q2 stays where it is,
or a sender that waits for room and a receiver that waits for octets would wait for each other. Whether the octets are still
there is the only thing that tells whether another way may be tried.
"""

from libc.stdint cimport uint32_t
from libc.stdlib cimport realloc

from skrouter.router.forwarder.content cimport content_release_front, content_retain
from skrouter.router.forwarder.model cimport NO_NEIGHBOR


cdef uint64_t _way_of_neighbor(int neighbor) noexcept nogil:
    """Never the handle of a link: handles are positions with a generation, and small beside this."""
    return ~<uint64_t>neighbor


cdef void resend_begin(arrival_t *arrival) noexcept nogil:
    if arrival.content.complete or not arrival.content.blocked:
        content_retain(arrival.content)


cdef void resend_anew(arrival_t *arrival) noexcept nogil:
    arrival.tried_count = 0


cdef void resend_stop(arrival_t *arrival) noexcept nogil:
    content_release_front(arrival.content)


cdef bint _note(arrival_t *arrival, uint64_t way) noexcept nogil:
    cdef uint64_t *grown = <uint64_t *>realloc(arrival.tried, (arrival.tried_count + 1) * sizeof(uint64_t))
    if grown == NULL:
        return False
    arrival.tried = grown
    grown[arrival.tried_count] = way
    arrival.tried_count += 1
    return True


cdef bint resend_note(arrival_t *arrival, const copy_t *copy) noexcept nogil:
    if copy.neighbor != NO_NEIGHBOR:
        return resend_note_neighbor(arrival, copy.neighbor)
    return copy.consumer != 0 and _note(arrival, copy.consumer)


cdef bint resend_note_neighbor(arrival_t *arrival, int neighbor) noexcept nogil:
    return _note(arrival, _way_of_neighbor(neighbor))


cdef bint _was_tried(const arrival_t *arrival, uint64_t way) noexcept nogil:
    cdef uint32_t i
    for i in range(arrival.tried_count):
        if arrival.tried[i] == way:
            return True
    return False


cdef bint link_was_tried(const arrival_t *arrival, uint64_t handle) noexcept nogil:
    return arrival.tried_count != 0 and _was_tried(arrival, handle)


cdef bint neighbor_was_tried(const arrival_t *arrival, int neighbor) noexcept nogil:
    return arrival.tried_count != 0 and _was_tried(arrival, _way_of_neighbor(neighbor))
