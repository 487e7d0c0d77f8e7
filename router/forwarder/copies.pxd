"""Native face of copies, for routing and for transports."""

from libc.stdint cimport uint8_t

from skrouter.router.forwarder.model cimport arrival_t, copy_t, link_t

# A copy that belongs to its arrival and to no link yet; its cursor is at the body. NULL without memory.
cdef copy_t *copy_new(arrival_t *arrival) noexcept nogil
# Take back a copy that found no link.
cdef void copy_undo(copy_t *copy) noexcept nogil
# Into a link's queue, without pushing.
cdef void copy_join(copy_t *copy, link_t *link) noexcept nogil
# A pre-settled copy that will not be delivered: counted, and gone.
cdef void copy_drop(copy_t *copy) noexcept nogil
# Into a link's queue, and push.
cdef void copy_enqueue(copy_t *copy, link_t *link) noexcept nogil
# To another link's queue (a stream leaving its dispatch link); nothing of it has been sent.
cdef void copy_move(copy_t *copy, link_t *link) noexcept nogil
# The next octets of a copy: their number, with *data pointing at them; 0: none now (see copy.content.complete).
cdef size_t copy_peek(copy_t *copy, const uint8_t **data) noexcept nogil
# So many of them were sent.
cdef void copy_consume(copy_t *copy, size_t length) noexcept nogil
# All octets were sent: into the unsettled list, or done with if pre-settled (the copy is then gone: True).
cdef bint copy_sent(copy_t *copy) noexcept nogil
# More content is there. The arrival may be gone afterwards.
cdef void push_copies(arrival_t *arrival) noexcept nogil
