"""Native face of what every part of a connection may do to it."""

from skrouter.amqp.engine.model cimport connection_t, protocol_t

# Something waits to be given to proton, or proton has output: look at it at the end of the pass.
cdef void connection_wake(connection_t *connection) noexcept nogil
# Close with an error: the peer gets a close frame where AMQP has begun, then the end of the stream.
cdef void connection_fail(connection_t *connection, const char *condition, const char *description) noexcept nogil
# The socket failed.
cdef void connection_broken(connection_t *connection) noexcept nogil
# Keep the first reason only.
cdef void set_reason(connection_t *connection, const char *condition, const char *description) noexcept nogil
cdef object text_or_none(const char *text)
cdef protocol_t *protocol_of(connection_t *connection) noexcept nogil
