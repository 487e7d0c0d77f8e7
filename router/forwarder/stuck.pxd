"""Native face of the look for what is held for too long."""

from libc.stdint cimport int64_t, uint32_t

from skrouter.router.forwarder.model cimport forwarder_t, link_t

cdef struct look_t:             # a look at all links, piece by piece
    uint32_t place              # of the link that was looked at last; 0: all have been
    uint32_t budget             # handles and deliveries that may be looked at before the next pause
    int64_t age                 # milliseconds: more is too long
    link_t *link                # of the last find; borrowed until the next call
    bint stuck                  # it has its first stuck delivery
    bint blocked                # it has been without credit for too long, which was not known

# Go on to the next link with news. False: the budget is used up, or the place is 0.
cdef bint look_on(forwarder_t *forwarder, look_t *look) noexcept nogil
# A link has credit again, or is about to end.
cdef void link_has_credit(link_t *link) noexcept nogil
