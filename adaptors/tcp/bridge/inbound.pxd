"""Native face of the way in: from the socket to an arrival."""

from skrouter.adaptors.tcp.bridge.model cimport flow_t

# Begin our stream with its head. False: no memory, or the texts of the head are too long.
cdef bint inbound_begin(flow_t *flow) noexcept nogil
# The other side has our stream: it will not be sent another way.
cdef void inbound_stop_waiting(flow_t *flow) noexcept nogil
cdef bint inbound_may_read(flow_t *flow) noexcept nogil
# Read what is there, within the window; sets `ended_in` or `broken`. The arrival may be gone afterwards.
cdef void inbound_read(flow_t *flow) noexcept nogil
# Nothing more will be read: an unfinished stream is aborted, a finished one is left to its outcome.
cdef void inbound_end(flow_t *flow) noexcept nogil
# Our stream is complete and a terminal outcome has come: settle it, if the other side has not.
cdef void inbound_settle(flow_t *flow) noexcept nogil
