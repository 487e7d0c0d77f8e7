"""Native face of channels: their tables and fences. What moves copies through them is in deliveries."""

from skrouter.router.forwarder.model cimport channel_t, entry_t, forwarder_t, link_t

# The channel of an address through a neighbor, or NULL.
cdef channel_t *channel_of(entry_t *entry, int neighbor) noexcept nogil
# A new one, open if nothing is under way on the neighbor's priority links. NULL without memory.
cdef channel_t *channel_new(forwarder_t *forwarder, entry_t *entry, int neighbor) noexcept nogil
# Out of the lists of entry and neighbor, and freed.
cdef void channel_free(channel_t *channel) noexcept nogil
# Whether everything before its fences has been forwarded by the neighbor; remembers it.
cdef bint channel_is_open(channel_t *channel) noexcept nogil
# Let go of link and connection; what follows goes behind what is on them.
cdef void channel_leave_link(channel_t *channel) noexcept nogil
# A link of the neighbor is gone.
cdef void channel_forget_link(channel_t *channel, const link_t *link) noexcept nogil
