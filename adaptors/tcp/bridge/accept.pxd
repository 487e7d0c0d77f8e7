"""Native face of services: the listening sockets of tcpListeners."""

from libc.stdint cimport uint32_t, uint64_t

from skrouter.adaptors.tcp.bridge.model cimport bridge_t, proxy_use, service_t
from skrouter.amqp.engine.tls_context cimport tls_context_t

cdef service_t *service_new(bridge_t *bridge, const tls_context_t *tls, proxy_use proxy) noexcept nogil
# Let connections go to this address by this share; 0: no more of them. `record`: number of its LISTENER record. False without
# memory.
cdef bint service_offer(service_t *service, const char *address, uint32_t length, uint32_t weight, uint64_t record) noexcept nogil
# Take a listening, non-blocking descriptor, beside those it has (fewer than LISTEN_PLACES). 0, or -1 with errno (the descriptor is closed).
cdef int service_open(service_t *service, int fd) noexcept nogil
# Stop accepting; connections live on.
cdef void service_close(service_t *service) noexcept nogil
# For good; its flows must be gone.
cdef void service_free(service_t *service) noexcept nogil
