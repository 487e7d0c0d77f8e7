"""Native face of floods: a message for all routers is taken once, whichever ways it comes."""

from skrouter.router.forwarder.model cimport arrival_t

# Note this flooded message; True if it was here before.
cdef bint flood_was_here(const arrival_t *arrival, unsigned int origin) noexcept nogil
