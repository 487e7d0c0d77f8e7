"""Native face of AMQP connections: sockets, handshake, proton engine, and the protocol layer above.

Ownership: a `connection_t` owns its stream and its proton objects and is freed by the pump alone, at the end of a task
and never inside a call that was given it. The layer above keeps its own state at `connection.links` and drops it in
`protocol.connection_lost`, the last call for a connection.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from skrouter.amqp.engine.guard cimport guard_t
from skrouter.amqp.engine.poller cimport alarm_t, engine_t, task_t, watch_t
from skrouter.amqp.engine.proton_api cimport (
    pn_collector_t,
    pn_connection_t,
    pn_delivery_t,
    pn_link_t,
    pn_session_t,
    pn_transport_t,
)
from skrouter.amqp.engine.stream cimport stream_t
from skrouter.amqp.engine.tls cimport tls_context_t
from skrouter.amqp.engine.trace cimport trace_t
from skrouter.amqp.engine.websocket cimport websocket_t

cdef enum connection_phase:
    PHASE_CONNECTING        # TCP connect under way
    PHASE_SNIFF             # TLS is optional here: the first octet tells
    PHASE_TLS               # TLS handshake
    PHASE_HANDSHAKE         # octets go up to control, which speaks SASL, or HTTP before it
    PHASE_AMQP              # proton
    PHASE_LINGER            # our last octets are sent; the peer's are thrown away until it has read them
    PHASE_DEAD              # only waits to be freed

cdef enum:
    TEXT_SIZE = 512
    HANDSHAKE_READ = 16384          # octets handed up at once before authentication
    GATHER_BELOW = 32768            # output heads below this are copied together into one send
    SENDS_PER_PASS = 8              # write calls for one connection before others get their turn
    LINGER_TIME = 1000              # milliseconds
    CLOSE_TIME = 5000               # milliseconds the peer has to answer our close

cdef struct connection_t:
    stream_t stream
    engine_t *engine                # borrowed
    uint64_t handle
    connection_phase phase
    bint incoming
    pn_connection_t *pn             # owner: this connection, like the next two; NULL before AMQP
    pn_transport_t *transport
    pn_collector_t *collector
    guard_t guard
    websocket_t *websocket          # owner: this; NULL: octets are not in frames of WebSocket
    trace_t *trace                  # owner: this; NULL: its frames are not traced
    uint8_t *carry                  # owner: this; octets of an unfinished frame, already looked at by the guard
    uint32_t carry_length
    uint32_t carry_capacity
    uint8_t *out                    # owner: this; octets for the socket that proton has already let go of
    uint32_t out_offset
    uint32_t out_length
    uint32_t out_capacity
    bint output_waits               # the last write left octets, here or in proton: nothing more is given to proton now
    uint32_t session_window         # frames, for each session the peer begins or we begin
    uint32_t session_limit          # sessions the peer may have at a time; 0: nobody counts them
    uint32_t sessions               # that it has, while they are counted
    alarm_t alarm                   # proton's next tick, or the end of lingering
    task_t task                     # connection_run
    void *links                     # owner: the layer above
    bint opened                     # we have sent, or queued, our open
    bint closing                    # our close is queued: end when it is sent
    bint close_due                  # we must write the close ourselves, behind what proton writes
    bint answered                   # the peer's close has been seen
    bint ended                      # the peer's octets have ended
    bint broken                     # the socket is of no use any more
    bint lingers                    # the peer is to read our last octets, though nothing has gone wrong
    bint sent_wanted                # control waits until the octets of the handshake are sent
    uint64_t octets_in
    uint64_t octets_out
    int64_t opened_at               # milliseconds of the monotonic clock
    int64_t last_delivery           # the same; 0 before the first
    char condition[TEXT_SIZE]       # why the connection ends; empty: no error
    char description[TEXT_SIZE]

cdef struct listener_t:
    watch_t watch                   # watch.fd: owned here
    engine_t *engine
    uint64_t handle
    tls_context_t *tls              # borrowed from the Connections object, which keeps the TlsContext; NULL: plain
    bint tls_optional

cdef struct protocol_t:             # the layer above; all called without the GIL, never after connection_lost
    void (*session_closed)(connection_t *connection, pn_session_t *session) noexcept nogil
    void (*link_opened)(connection_t *connection, pn_link_t *link) noexcept nogil
    void (*link_closed)(connection_t *connection, pn_link_t *link, bint detached) noexcept nogil
    void (*link_flow)(connection_t *connection, pn_link_t *link) noexcept nogil
    void (*delivery)(connection_t *connection, pn_delivery_t *delivery) noexcept nogil
    void (*write)(connection_t *connection) noexcept nogil      # give proton what waits and fits
    void (*connection_lost)(connection_t *connection) noexcept nogil
