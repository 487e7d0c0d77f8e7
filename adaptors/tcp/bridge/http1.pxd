"""Native face of the observer of HTTP/1."""

from libc.stdint cimport uint8_t, uint32_t

from skrouter.adaptors.tcp.bridge.model cimport observer_t, record_t

# False: no memory.
cdef bint http1_begin(observer_t *observer) noexcept nogil
# False: this is not understood, and nothing more is to be seen.
cdef bint http1_see(observer_t *observer, const uint8_t *data, size_t length, bint from_client) noexcept nogil
# End the records of all requests, and free what is kept.
cdef void http1_end(observer_t *observer) noexcept nogil
# Where a request comes from, as a first X-Forwarded-For field has it. NULL: there is no record.
cdef void note_source(record_t *record, const char *value, uint32_t size) noexcept nogil
