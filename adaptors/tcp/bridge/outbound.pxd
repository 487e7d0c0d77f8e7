"""Native face of the way out: from a copy to the socket."""

from libc.stdint cimport uint8_t

from skrouter.adaptors.tcp.bridge.model cimport flow_t
from skrouter.router.forwarder.model cimport copy_t, outcome_t

# Write what is there and fits; sets `blocked`, `ended_out` or `broken`.
cdef void outbound_write(flow_t *flow) noexcept nogil
# The outcome of the stream that the flow writes; it has none afterwards.
cdef void outbound_end(flow_t *flow, outcome_t outcome) noexcept nogil
# Copy the next octets of a copy to `buffer` without passing them; how many.
cdef size_t outbound_gather(copy_t *copy, uint8_t *buffer, size_t size) noexcept nogil
# Pass so many octets; they must be there.
cdef void outbound_pass(copy_t *copy, size_t length) noexcept nogil
