"""Native face of what is counted of deliveries: where from, where to, how many a second, and how late."""

from libc.stdint cimport uint32_t

from skrouter.router.forwarder.model cimport arrival_t, copy_t, entry_t, link_t

# A delivery has come from a client or service here; `entry`: where it wants to go, NULL: nowhere.
cdef void count_ingress(link_t *link, entry_t *entry) noexcept nogil
# A copy goes to a client or service here.
cdef void count_egress(link_t *link, entry_t *entry) noexcept nogil
# An arrival or a copy is about to be released; it is still of its link.
cdef void count_arrival_end(arrival_t *arrival) noexcept nogil
cdef void count_copy_end(copy_t *copy) noexcept nogil
# Whether it is counted at which router a link's deliveries have entered.
cdef bint has_histogram(const link_t *link) noexcept nogil
# Deliveries that have ended on a link in a second: the mean of the last RATE_SECONDS.
cdef uint32_t settle_rate(link_t *link) noexcept nogil
