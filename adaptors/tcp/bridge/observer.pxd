"""Native face of observers: HTTP requests seen in the octets of a connection, told as flow records."""

from libc.stdint cimport uint8_t

from skrouter.adaptors.tcp.bridge.model cimport flow_t

# Begin to watch a client's connection, as its service says. Without memory, or without a wish for records, nothing is watched.
cdef void observer_begin(flow_t *flow) noexcept nogil
# Octets that pass, from the client or from the server. They are only looked at.
cdef void observer_see(flow_t *flow, const uint8_t *data, size_t length, bint from_client) noexcept nogil
# End all its records, before the flow's own.
cdef void observer_end(flow_t *flow) noexcept nogil
