"""Native face of reply addresses: where the server stream of a client's connection comes to."""

from skrouter.adaptors.tcp.bridge.model cimport flow_t

# Give the flow an address of its own, with its link as consumer. False without memory.
cdef bint reply_open(flow_t *flow) noexcept nogil
cdef void reply_close(flow_t *flow) noexcept nogil
