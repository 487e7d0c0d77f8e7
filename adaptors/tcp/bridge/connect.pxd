"""Native face of servers: where the client streams of a tcpConnector's address go."""

from skrouter.adaptors.tcp.bridge.model cimport bridge_t, server_t
from skrouter.amqp.engine.tls_context cimport tls_context_t

cdef server_t *server_new(bridge_t *bridge, const char *address, size_t length, const char *host, size_t host_length,
                          const tls_context_t *tls, bint verify, bint introduces) noexcept nogil
# Take no more streams; connections live on.
cdef void server_close(server_t *server) noexcept nogil
# For good; its flows must be gone.
cdef void server_free(server_t *server) noexcept nogil
