"""Native face of input."""

from libc.stdint cimport uint32_t, uint8_t

from skrouter.amqp.engine.model cimport connection_t
from skrouter.amqp.engine.poller cimport watch_t

# The ready function of a connection.
cdef void on_ready(watch_t *watch, uint32_t events) noexcept nogil
# Octets of frames, from the socket or left over from the handshake.
cdef void take_frames(connection_t *connection, uint8_t *data, size_t length) noexcept nogil
# Octets that control has read too many of when it began WebSocket; they are decoded in place.
cdef void take_websocket(connection_t *connection, uint8_t *data, size_t length) noexcept nogil
# Go on with the TLS handshake of a stream that has a TLS session.
cdef void begin_tls(connection_t *connection) noexcept nogil
# Octets can flow: tell control.
cdef void ready_for_handshake(connection_t *connection) noexcept nogil
