"""The frame trace: cuts the octets of chosen connections into frames and keeps the beginning of each for control.

Memory is bounded by TRACE_ROOM whatever passes. Nothing is decoded here: the text of a frame is `amqp/frame_text.py`.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memmove

from skrouter.amqp.engine.octets cimport read_u32
from skrouter.amqp.engine.poller cimport engine_post, engine_t

cdef enum event_number:         # position in skrouter.amqp.events.EVENTS
    FRAMES_TRACED = 15

cdef enum:
    HEADER_SIZE = 8             # of the protocol header, and of a frame's fixed part

cdef struct record_t:           # in front of the octets
    uint64_t number
    uint32_t size
    uint32_t kept
    bint outgoing


cdef trace_log_t *trace_log_new(engine_t *engine) noexcept nogil:
    cdef trace_log_t *log = <trace_log_t *>calloc(1, sizeof(trace_log_t))
    if log == NULL:
        return NULL
    log.engine = engine
    log.octets = <uint8_t *>malloc(TRACE_ROOM)
    if log.octets == NULL:
        free(log)
        return NULL
    return log


cdef void trace_log_free(trace_log_t *log) noexcept nogil:
    if log != NULL:
        free(log.octets)
        free(log)


cdef trace_t *trace_new(trace_log_t *log, uint64_t number) noexcept nogil:
    cdef trace_t *trace = <trace_t *>calloc(1, sizeof(trace_t))
    if trace != NULL:
        trace.log = log
        trace.number = number
        trace.incoming.header = trace.outgoing.header = True
    return trace


cdef void _keep(trace_t *trace, bint outgoing, uint32_t size, const uint8_t *data, uint32_t kept) noexcept nogil:
    """One more record for control, or one more that was dropped."""
    cdef trace_log_t *log = trace.log
    cdef record_t record
    if log.length + sizeof(record_t) + kept > TRACE_ROOM:
        log.dropped += 1
    else:
        record.number = trace.number
        record.size = size
        record.kept = kept
        record.outgoing = outgoing
        memcpy(log.octets + log.length, &record, sizeof(record_t))
        memcpy(log.octets + log.length + sizeof(record_t), data, kept)
        log.length += sizeof(record_t) + kept
    if not log.told:
        log.told = True
        with gil:
            engine_post(log.engine, (FRAMES_TRACED,))


cdef list trace_log_take(trace_log_t *log, uint32_t limit):
    cdef uint32_t at = 0
    cdef record_t record
    taken = []
    while at < log.length and limit:
        memcpy(&record, log.octets + at, sizeof(record_t))
        at += sizeof(record_t)
        taken.append((record.number, bool(record.outgoing), record.size, (<char *>log.octets + at)[:record.kept]))
        at += record.kept
        limit -= 1
    log.length -= at
    memmove(log.octets, log.octets + at, log.length)
    log.told = log.length > 0
    return taken


cdef void trace_octets(trace_t *trace, bint outgoing, const uint8_t *data, size_t length) noexcept nogil:
    cdef tap_t *tap = &trace.outgoing if outgoing else &trace.incoming
    cdef uint32_t step
    while length and not tap.adrift:
        step = <uint32_t>min(length, <size_t>((tap.size if tap.size else HEADER_SIZE) - tap.seen))
        if tap.seen < TRACE_KEEP and not tap.silent:
            memcpy(tap.kept + tap.seen, data, min(step, TRACE_KEEP - tap.seen))
        tap.seen += step
        data += step
        length -= step
        if tap.size == 0 and tap.seen == HEADER_SIZE:
            tap.size = HEADER_SIZE if tap.header else read_u32(tap.kept)
            tap.adrift = tap.size < HEADER_SIZE
        if tap.size and tap.seen == tap.size:
            if not tap.silent:
                _keep(trace, outgoing, tap.size, tap.kept, min(tap.size, TRACE_KEEP))
            tap.size = tap.seen = 0
            tap.header = tap.silent = False


cdef void trace_end(trace_t *trace, bint outgoing) noexcept nogil:
    if outgoing and trace.ended:
        return
    trace.ended = trace.ended or outgoing
    _keep(trace, outgoing, 0, trace.incoming.kept, 0)
