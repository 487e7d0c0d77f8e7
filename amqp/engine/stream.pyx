"""Octets in and out of one non-blocking socket, plain or through TLS. Knows no AMQP."""

from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdio cimport snprintf
from libc.string cimport strerror
from posix.unistd cimport close

from skrouter.amqp.engine.poller cimport engine_change, engine_unwatch, engine_watch
from skrouter.amqp.engine.tls cimport (
    TLS_AGAIN,
    TLS_DONE,
    TLS_FAILED,
    TLS_WANT_WRITE,
    tls_error,
    tls_free,
    tls_handshake,
    tls_new,
    tls_pending,
    tls_read,
    tls_shutdown,
    tls_write,
)


cdef extern from "sys/socket.h" nogil:
    enum:
        MSG_NOSIGNAL
        SHUT_WR
        SOL_SOCKET
        SO_ERROR
        SO_LINGER
    struct linger:
        int l_onoff
        int l_linger
    ctypedef unsigned int socklen_t
    ssize_t recv(int fd, void *buffer, size_t size, int flags)
    ssize_t send(int fd, const void *data, size_t size, int flags)
    int shutdown(int fd, int how)
    int getsockopt(int fd, int level, int option, void *value, socklen_t *size)
    int setsockopt(int fd, int level, int option, const void *value, socklen_t size)


cdef int stream_open(stream_t *stream, engine_t *engine, int fd, ready_fn ready, void *owner, uint32_t wants) noexcept nogil:
    """Take the descriptor and watch it. Returns 0, or -1 with errno (the descriptor is the stream's even then)."""
    stream.engine = engine
    stream.watch.fd = fd
    stream.watch.ready = ready
    stream.watch.owner = owner
    stream.wants = wants
    stream.tls = NULL
    stream.tls_wants_out = False
    stream.error = 0
    return engine_watch(engine, &stream.watch, wants)


cdef void stream_close(stream_t *stream) noexcept nogil:
    """Close the descriptor and free the TLS session; a second call does nothing."""
    if stream.watch.fd < 0:
        return
    if stream.tls != NULL:
        tls_shutdown(stream.tls)
        tls_free(stream.tls)
        stream.tls = NULL
    engine_unwatch(stream.engine, &stream.watch)
    close(stream.watch.fd)
    stream.watch.fd = -1


cdef void _apply(stream_t *stream) noexcept nogil:
    cdef uint32_t interest = stream.wants
    if stream.watch.fd < 0:
        return
    if stream.tls_wants_out:
        interest |= STREAM_OUT
    engine_change(stream.engine, &stream.watch, interest)


cdef void stream_want(stream_t *stream, uint32_t wants) noexcept nogil:
    """Say what the user waits for: STREAM_IN, STREAM_OUT, both or nothing."""
    if stream.wants != wants:
        stream.wants = wants
        _apply(stream)


cdef void _tls_wants(stream_t *stream, bint out) noexcept nogil:
    if stream.tls_wants_out != out:
        stream.tls_wants_out = out
        _apply(stream)


cdef int stream_start_tls(stream_t *stream, const tls_context_t *context, const char *host, bint verify) noexcept nogil:
    """Put a TLS session on the descriptor; `host` and `verify` count for clients. Returns 0 or STREAM_ERROR."""
    stream.tls = tls_new(context, stream.watch.fd, host, verify)
    return 0 if stream.tls != NULL else STREAM_ERROR


cdef int stream_handshake(stream_t *stream) noexcept nogil:
    """Go on with the TLS handshake: STREAM_DONE, STREAM_AGAIN or STREAM_ERROR."""
    cdef int result = tls_handshake(stream.tls)
    _tls_wants(stream, result == TLS_WANT_WRITE)
    if result == TLS_DONE:
        return STREAM_DONE
    return STREAM_ERROR if result == TLS_FAILED else STREAM_AGAIN


cdef ssize_t _failed(stream_t *stream) noexcept nogil:
    if errno == EAGAIN or errno == EINTR:
        return STREAM_AGAIN
    stream.error = errno
    return STREAM_ERROR


cdef ssize_t _tls_result(stream_t *stream, ssize_t result) noexcept nogil:
    if result >= 0:
        _tls_wants(stream, False)
        return result
    _tls_wants(stream, result == TLS_AGAIN and stream.tls.want_write)
    return STREAM_AGAIN if result == TLS_AGAIN else STREAM_ERROR


cdef ssize_t stream_read(stream_t *stream, void *buffer, size_t size) noexcept nogil:
    """Octets read, 0 at the end of the peer's stream, STREAM_AGAIN or STREAM_ERROR."""
    cdef ssize_t result
    if stream.tls != NULL:
        return _tls_result(stream, tls_read(stream.tls, buffer, size))
    result = recv(stream.watch.fd, buffer, size, 0)
    return result if result >= 0 else _failed(stream)


cdef ssize_t stream_write(stream_t *stream, const void *data, size_t size) noexcept nogil:
    """Octets taken (maybe fewer), STREAM_AGAIN or STREAM_ERROR. After STREAM_AGAIN offer the same octets again."""
    cdef ssize_t result
    if stream.tls != NULL:
        return _tls_result(stream, tls_write(stream.tls, data, size))
    result = send(stream.watch.fd, data, size, MSG_NOSIGNAL)
    return result if result >= 0 else _failed(stream)


cdef bint stream_buffered(stream_t *stream) noexcept nogil:
    """Whether octets are here that the poller will not report."""
    return stream.tls != NULL and tls_pending(stream.tls)


cdef void stream_end_output(stream_t *stream) noexcept nogil:
    """Half-close: the peer sees the end of our stream and may still send."""
    if stream.watch.fd < 0:
        return
    if stream.tls != NULL:
        tls_shutdown(stream.tls)
    shutdown(stream.watch.fd, SHUT_WR)


cdef void stream_set_reset(stream_t *stream) noexcept nogil:
    """Make the coming close a reset, so that the peer cannot take it for an orderly end."""
    cdef linger option
    if stream.watch.fd < 0:
        return
    option.l_onoff = 1
    option.l_linger = 0
    setsockopt(stream.watch.fd, SOL_SOCKET, SO_LINGER, &option, sizeof(option))


cdef int stream_connect_error(stream_t *stream) noexcept nogil:
    """The outcome of a non-blocking connect, once the descriptor is writable: 0 or an errno (kept as the reason)."""
    cdef int error = 0
    cdef socklen_t size = sizeof(error)
    if getsockopt(stream.watch.fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0:
        error = errno
    stream.error = error
    return error


cdef void stream_reason(stream_t *stream, char *text, size_t size) noexcept nogil:
    """Why the stream broke, for logs; always terminated. Ask before stream_close."""
    if stream.error:
        snprintf(text, size, b"%s", strerror(stream.error))
    elif stream.tls != NULL:
        snprintf(text, size, b"%s", tls_error(stream.tls))
    else:
        snprintf(text, size, b"connection closed")
