"""Native face of links: making them, and the AMQP kind of them."""

from skrouter.amqp.engine.poller cimport engine_t
from skrouter.amqp.engine.proton_api cimport pn_link_t
from skrouter.amqp.engine.model cimport connection_t, protocol_t
from skrouter.router.forwarder.model cimport forwarder_t, link_kind, link_ops_t, link_t, links_t

# A link of a process or adaptor; it has a handle and may be a consumer of entries. NULL without memory.
cdef link_t *link_new(forwarder_t *forwarder, link_kind kind, bint outgoing, const link_ops_t *ops, void *owner) noexcept nogil
# Forget a link for good; `link_lost` (deliveries) must have been called.
cdef void link_free(link_t *link) noexcept nogil

# What the engine calls for AMQP connections.
cdef protocol_t amqp_protocol() noexcept nogil
# The link state of a connection, made at the first call. NULL without memory.
cdef links_t *links_of(connection_t *connection, forwarder_t *forwarder) noexcept nogil
# A link of an AMQP connection over proton's link. NULL without memory.
cdef link_t *amqp_link_new(connection_t *connection, pn_link_t *pn) noexcept nogil
# Ends it; proton's link is left to the caller.
cdef void amqp_link_lost(link_t *link) noexcept nogil
