"""Native face of input."""

from libc.stdint cimport uint32_t, uint8_t

from skrouter.amqp.engine.model cimport connection_t
from skrouter.amqp.engine.poller cimport watch_t

# The ready function of a connection.
cdef void on_ready(watch_t *watch, uint32_t events) noexcept nogil
# Octets of frames, from the socket or left over from the handshake.
cdef void take_frames(connection_t *connection, uint8_t *data, size_t length) noexcept nogil
# Octets can flow: tell control.
cdef void ready_for_handshake(connection_t *connection) noexcept nogil
