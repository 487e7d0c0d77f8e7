"""Native face of the frame trace: the first octets of the frames of chosen connections, kept until control takes them.

Ownership: `trace_log_t` belongs to the Connections object, a `trace_t` to its connection, which has none (NULL) while
it is not traced: that test is all the trace costs then.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from skrouter.amqp.engine.poller cimport engine_t

cdef enum:
    TRACE_KEEP = 2048           # octets of a frame
    TRACE_ROOM = 262144         # octets of all frames that wait for control; more are counted and forgotten

cdef struct trace_log_t:
    engine_t *engine            # borrowed
    uint8_t *octets             # owner: this; records one behind the other
    uint32_t length
    uint64_t dropped            # frames since control last took some
    bint told                   # control knows that records wait

cdef struct tap_t:              # one direction
    uint8_t kept[TRACE_KEEP]
    uint32_t size               # of the frame that is passing; 0: its first octets are not here yet
    uint32_t seen               # octets of it that have passed
    bint header                 # it is no frame but the protocol header
    bint silent                 # its beginning was not seen: it is passed over
    bint adrift                 # not known where a frame begins

cdef struct trace_t:
    trace_log_t *log            # borrowed
    uint64_t number             # the connection's, as logs name it
    bint ended                  # the end of our octets has been told
    tap_t incoming
    tap_t outgoing

cdef trace_log_t *trace_log_new(engine_t *engine) noexcept nogil
cdef void trace_log_free(trace_log_t *log) noexcept nogil
# [(connection number, outgoing, size of the frame, its first octets)] of up to `limit` frames
cdef list trace_log_take(trace_log_t *log, uint32_t limit)
# A trace that begins with the protocol header both ways; NULL without memory.
cdef trace_t *trace_new(trace_log_t *log, uint64_t number) noexcept nogil
# Octets of whole or partial frames, in the order in which they pass.
cdef void trace_octets(trace_t *trace, bint outgoing, const uint8_t *data, size_t length) noexcept nogil
# No octet follows.
cdef void trace_end(trace_t *trace, bint outgoing) noexcept nogil
