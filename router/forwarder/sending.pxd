"""Native face of outgoing AMQP deliveries."""

from skrouter.amqp.engine.proton_api cimport pn_delivery_t
from skrouter.amqp.engine.model cimport connection_t
from skrouter.router.forwarder.model cimport copy_t, link_t

# link_ops_t.push of AMQP links.
cdef void queue_write(link_t *link) noexcept nogil
# Every link of a connection that waits gets its turn.
cdef void write_links(connection_t *connection) noexcept nogil
# The receiver's state, its settlement, or both.
cdef void outgoing_disposition(link_t *link, pn_delivery_t *delivery) noexcept nogil
# link_ops_t.copy_settled, copy_aborted of AMQP links.
cdef void settle_copy(copy_t *copy) noexcept nogil
cdef void abort_copy(copy_t *copy) noexcept nogil
