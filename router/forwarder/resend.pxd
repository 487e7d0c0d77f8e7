"""Native face of resending: deliveries that go another way when one has released them."""

from libc.stdint cimport uint64_t

from skrouter.router.forwarder.model cimport arrival_t, copy_t

# From now on the delivery keeps its octets (content.retained), and `copy_outcome` sends it another way if it is released.
# Not one that has outgrown Q2 already.
cdef void resend_begin(arrival_t *arrival) noexcept nogil
# What has been tried may be tried again.
cdef void resend_anew(arrival_t *arrival) noexcept nogil
# It has been taken, or asked for something else: octets go as they are sent. Harmless if repeated.
cdef void resend_stop(arrival_t *arrival) noexcept nogil
# The way of this copy, or this next hop, is not to be tried again. False: there is none to note, or no memory.
cdef bint resend_note(arrival_t *arrival, const copy_t *copy) noexcept nogil
cdef bint resend_note_neighbor(arrival_t *arrival, int neighbor) noexcept nogil
# Whether a consumer's link, or a next hop, has released this delivery.
cdef bint link_was_tried(const arrival_t *arrival, uint64_t handle) noexcept nogil
cdef bint neighbor_was_tried(const arrival_t *arrival, int neighbor) noexcept nogil
