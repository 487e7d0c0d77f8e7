"""Native face of a stream: octets in and out of one non-blocking socket, plain or TLS.

A `stream_t` is embedded in what uses it (an AMQP connection, a TCP service connection). It owns the descriptor and the
TLS session. What the user wants to hear about is kept in `wants`; TLS may need more for a moment.
"""

from libc.stdint cimport uint32_t

from skrouter.amqp.engine.poller cimport engine_t, ready_fn, watch_t
from skrouter.amqp.engine.tls cimport tls_context_t, tls_t

cdef enum:
    STREAM_IN = 1           # EPOLLIN
    STREAM_OUT = 4          # EPOLLOUT

cdef enum:
    STREAM_AGAIN = -1       # nothing can be done until the descriptor is ready
    STREAM_ERROR = -2       # broken; stream_reason() says why
    STREAM_DONE = 0
    STREAM_REASON = 320

cdef struct stream_t:
    engine_t *engine        # borrowed
    watch_t watch           # watch.fd: owned here; -1 once closed
    tls_t *tls              # owner: this stream; NULL: plain
    uint32_t wants          # STREAM_IN | STREAM_OUT
    bint tls_wants_out      # TLS must write before it can go on
    int error               # errno of the failure, 0: none, or TLS

cdef int stream_open(stream_t *stream, engine_t *engine, int fd, ready_fn ready, void *owner, uint32_t wants) noexcept nogil
cdef void stream_close(stream_t *stream) noexcept nogil
cdef void stream_want(stream_t *stream, uint32_t wants) noexcept nogil
cdef int stream_start_tls(stream_t *stream, const tls_context_t *context, const char *host, bint verify) noexcept nogil
cdef int stream_handshake(stream_t *stream) noexcept nogil
cdef ssize_t stream_read(stream_t *stream, void *buffer, size_t size) noexcept nogil
cdef ssize_t stream_write(stream_t *stream, const void *data, size_t size) noexcept nogil
cdef bint stream_buffered(stream_t *stream) noexcept nogil
cdef void stream_end_output(stream_t *stream) noexcept nogil
cdef void stream_set_reset(stream_t *stream) noexcept nogil
cdef int stream_connect_error(stream_t *stream) noexcept nogil
cdef void stream_reason(stream_t *stream, char *text, size_t size) noexcept nogil
