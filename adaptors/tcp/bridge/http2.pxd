"""Native face of the observer of HTTP/2."""

from libc.stdint cimport uint8_t

from skrouter.adaptors.tcp.bridge.model cimport observer_t

# False: no memory.
cdef bint http2_begin(observer_t *observer) noexcept nogil
# False: this is not understood, and nothing more is to be seen.
cdef bint http2_see(observer_t *observer, const uint8_t *data, size_t length, bint from_client) noexcept nogil
# End the records of all requests, and free what is kept.
cdef void http2_end(observer_t *observer) noexcept nogil
