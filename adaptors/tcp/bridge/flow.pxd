"""Native face of flows: TCP connections and their two streams."""

from libc.stdint cimport uint32_t

from skrouter.adaptors.tcp.bridge.model cimport bridge_t, ending, flow_t, text_t
from skrouter.router.forwarder.model cimport link_ops_t

# A flow with its own outgoing link and no socket yet; NULL without memory.
cdef flow_t *flow_new(bridge_t *bridge) noexcept nogil
# The socket is connected: TLS handshake if the stream has a session, then flow_start.
cdef void flow_connected(flow_t *flow) noexcept nogil
# Close at once: our streams end as failed, the socket with a reset. Not from within a call of the forwarder: see flow_drop.
cdef void flow_fail(flow_t *flow) noexcept nogil
# Close at the end of this pass, for this reason; may be called from anywhere.
cdef void flow_drop(flow_t *flow, ending why, const char *condition, const char *description) noexcept nogil
# The end of a failed or finished flow, at once: for the closing of the bridge.
cdef void flow_free(flow_t *flow) noexcept nogil
# What incoming links of the bridge call: of a service, and of the server streams.
cdef const link_ops_t *inbound_ops() noexcept nogil
cdef bint text_set(text_t *text, const char *at, uint32_t length) noexcept nogil
# Note why it is about to end; the first reason counts.
cdef void flow_ends(flow_t *flow, ending why) noexcept nogil
