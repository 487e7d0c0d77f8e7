"""Native face of policy for messages: what a connection may send, judged without Python but for addresses not seen before."""

from libc.stdint cimport uint32_t, uint64_t

from skrouter.router.forwarder.model cimport arrival_t, limits_t, link_t

# Policy of a connection; `user` NULL: messages may name any user. NULL without memory.
cdef limits_t *limits_new(uint64_t max_message_size, const char *user, uint32_t user_length, bint checks_targets) noexcept nogil
cdef void limits_free(limits_t *limits) noexcept nogil
# Why this delivery, whose head is known, may not go where it wants to; NULL: it may.
cdef const char *limits_violation(arrival_t *arrival) noexcept nogil
# Whether more octets of it have come than are allowed.
cdef bint limits_too_large(const arrival_t *arrival) noexcept nogil
# Its link takes no more deliveries and is remembered for its end; control is told.
cdef void limits_exceeded(link_t *link) noexcept nogil
