"""Native face of output."""

from skrouter.amqp.engine.model cimport connection_t

# Keep octets for the socket behind those already kept. False: no memory.
cdef bint keep_output(connection_t *connection, const void *data, size_t length) noexcept nogil
# The same in a frame of its own where the connection is a WebSocket.
cdef bint keep_message(connection_t *connection, const void *data, size_t length) noexcept nogil
# Say the last word of a WebSocket; True once it is said, or where there is none to say.
cdef bint say_goodbye(connection_t *connection) noexcept nogil
# Send what is kept; True if nothing is left.
cdef bint send_kept(connection_t *connection) noexcept nogil
# One write of proton's output; True if it may be worth coming back at once.
cdef bint send_output(connection_t *connection) noexcept nogil
