"""Native face of routing."""

from skrouter.router.forwarder.model cimport arrival_t

# Decide once where this delivery goes. The arrival may be gone afterwards.
cdef void route(arrival_t *arrival) noexcept nogil
# Decide anew: the way it took has released it. The arrival may be gone afterwards.
cdef void route_again(arrival_t *arrival) noexcept nogil
