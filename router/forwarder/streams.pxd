"""Native face of streaming links and channels."""

from skrouter.router.forwarder.model cimport channel_t, copy_t, link_t, links_t, neighbor_t

# The connection to a neighbor whose turn it is to carry a stream.
cdef links_t *streaming_connection(neighbor_t *neighbor) noexcept nogil
# Onto an idle streaming link, or behind the others that wait for one.
cdef void place_stream(links_t *links, copy_t *copy) noexcept nogil
# A streaming link is free: give it the first delivery that waits, or put it into the pool.
cdef void offer_streaming_link(links_t *links, link_t *link) noexcept nogil
# Behind all that went this way before.
cdef void place_in_channel(copy_t *copy, channel_t *channel) noexcept nogil
# What went before a channel has been forwarded: let it begin.
cdef void channel_start(channel_t *channel) noexcept nogil
# Its neighbor is behind another connection now.
cdef void channel_move(channel_t *channel) noexcept nogil
# Its neighbor or its entry is gone.
cdef void channel_close(channel_t *channel) noexcept nogil
