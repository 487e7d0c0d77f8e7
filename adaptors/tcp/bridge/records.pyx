"""Flow records: written where connections and requests are, in fixed places, without an object of Python.

    record_begin --> changed, in the queue of its slot <--record_touch-- (octets, answer, error)
                          |                     ^
                     records_take          record_end: changed for the last time
                          v
                    Python knows of it; an ended one is freed

A record is in the queue of its slot at most once, however often it changes, so that the memory is bounded by the records and
the work of a tick by what has changed. One that begins and ends before Python has seen it is forgotten if nobody wants it.
"""

from libc.stdio cimport snprintf
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcmp, memcpy, memset, strlen
from posix.time cimport CLOCK_MONOTONIC, CLOCK_REALTIME, clock_gettime, clockid_t, timespec

from skrouter.adaptors.tcp.bridge.model cimport (
    IDENTITY_LIMIT,
    RECORD_APP,
    RECORD_CO,
    RECORD_LIMIT,
    RECORD_RESUME,
    RECORD_SLOTS,
    RECORD_TAKES,
    RECORD_TPORT,
    SOURCE_LENGTH,
    records_t,
    request_t,
)
from skrouter.adaptors.tcp.bridge.notices cimport address_parts
from skrouter.amqp.engine.octets cimport read_u32

from skrouter.amqp import _proton  # noqa: F401


cdef enum:
    TRACE_LIMIT = 4096              # octets of all router ids on a way


cdef int64_t _micros(clockid_t clock) noexcept nogil:
    cdef timespec moment
    clock_gettime(clock, &moment)
    return <int64_t>moment.tv_sec * 1000000 + moment.tv_nsec // 1000


# --- life

cdef bint _is_throttled(records_t *records) noexcept nogil:
    """No more at the limit, until there is room again (spec: vanflow §4)."""
    if records.live >= RECORD_LIMIT:
        records.throttled = True
    elif records.live < RECORD_RESUME:
        records.throttled = False
    records.dropped += records.throttled
    return records.throttled


cdef record_t *_new(records_t *records, record_kind kind, uint64_t parent) noexcept nogil:
    cdef record_t *record = records.free
    if record != NULL:
        records.free = record.next
        memset(record, 0, sizeof(record_t))
    else:
        record = <record_t *>calloc(1, sizeof(record_t))
        if record == NULL:
            return NULL
    record.kind = kind
    record.parent = parent
    record.started = _micros(CLOCK_REALTIME)
    return record


cdef record_t *record_begin(bridge_t *bridge, record_kind kind, uint64_t parent) noexcept nogil:
    cdef records_t *records = &bridge.records
    cdef record_t *record
    if not records.source[0] or _is_throttled(records):
        return NULL
    record = _new(records, kind, parent)
    if record == NULL:
        return NULL
    if kind == RECORD_APP:
        record.request = <request_t *>calloc(1, sizeof(request_t))
        if record.request == NULL:
            _recycle(records, record)
            return NULL
    record.number = records.next_number
    records.next_number += 1
    records.live += 1
    record_touch(bridge, record)
    return record


cdef bint _is_identity(const uint8_t *text, uint32_t length) noexcept nogil:
    """Five characters, a colon, digits (spec: vanflow §4)."""
    cdef uint32_t i
    if length < SOURCE_LENGTH + 2 or length >= IDENTITY_LIMIT or text[SOURCE_LENGTH] != c":":
        return False
    for i in range(SOURCE_LENGTH + 1, length):
        if not c"0" <= text[i] <= c"9":
            return False
    return True


cdef record_t *record_begin_co(bridge_t *bridge, const uint8_t *identity, uint32_t length, uint64_t parent) noexcept nogil:
    cdef records_t *records = &bridge.records
    cdef record_t *record
    if not records.source[0] or records.co_live >= RECORD_LIMIT or not _is_identity(identity, length):
        return NULL
    record = _new(records, RECORD_CO, parent)
    if record == NULL:
        return NULL
    memcpy(record.identity, identity, length)
    record.number = records.co_turn
    records.co_turn += 1
    records.co_live += 1
    record_touch(bridge, record)
    return record


cdef void _recycle(records_t *records, record_t *record) noexcept nogil:
    free(record.trace)
    free(record.error)
    free(record.request)
    record.next = records.free
    records.free = record


cdef bint _is_forgotten(const records_t *records, const record_t *record) noexcept nogil:
    """Nobody will ever hear of it. What it adds to a record of another router is told in any case."""
    if records.wanted or record.taken:
        return False
    return record.kind != RECORD_CO or memcmp(record.identity, records.source, SOURCE_LENGTH) == 0


cdef void record_end(bridge_t *bridge, record_t *record) noexcept nogil:
    cdef records_t *records = &bridge.records
    if record.flow != NULL:
        _count(record)
        record.flow = NULL
    if _is_forgotten(records, record):
        _unqueue(records, record)
        _leave(records, record)
        return
    record.ended = _micros(CLOCK_REALTIME)
    record_touch(bridge, record)


cdef void _leave(records_t *records, record_t *record) noexcept nogil:
    if record.kind == RECORD_CO:
        records.co_live -= 1
    else:
        records.live -= 1
    _recycle(records, record)


cdef void records_close(bridge_t *bridge) noexcept nogil:
    cdef records_t *records = &bridge.records
    cdef record_t *record
    cdef int slot
    records.source[0] = 0
    for slot in range(RECORD_SLOTS):
        while records.first[slot] != NULL:
            record = records.first[slot]
            _unqueue(records, record)
            _recycle(records, record)
    while records.free != NULL:
        record = records.free
        records.free = record.next
        free(record)


# --- the queues of changed ones

cdef void record_touch(bridge_t *bridge, record_t *record) noexcept nogil:
    cdef records_t *records = &bridge.records
    cdef uint32_t slot = record.number % RECORD_SLOTS
    if record.queued:
        return
    record.queued = True
    record.next = NULL
    record.previous = records.last[slot]
    if record.previous != NULL:
        record.previous.next = record
    else:
        records.first[slot] = record
    records.last[slot] = record


cdef void _unqueue(records_t *records, record_t *record) noexcept nogil:
    cdef uint32_t slot = record.number % RECORD_SLOTS
    if not record.queued:
        return
    record.queued = False
    if record.previous != NULL:
        record.previous.next = record.next
    else:
        records.first[slot] = record.next
    if record.next != NULL:
        record.next.previous = record.previous
    else:
        records.last[slot] = record.previous


# --- contents

cdef void _count(record_t *record) noexcept nogil:
    if record.kind == RECORD_TPORT:
        record.octets = record.flow.octets_in
        record.octets_reverse = record.flow.octets_out


cdef void record_octets(bridge_t *bridge, record_t *record, bint asked) noexcept nogil:
    if asked and record.asked == 0:
        record.asked = _micros(CLOCK_MONOTONIC)
    elif not asked and record.asked and record.latency == 0:
        record.latency = max(<int64_t>1, _micros(CLOCK_MONOTONIC) - record.asked)
        record_touch(bridge, record)
    if record.kind != RECORD_CO and not record.queued:
        record_touch(bridge, record)


cdef void record_error(record_t *record, const char *condition, const char *description) noexcept nogil:
    cdef size_t size
    if record == NULL or record.error != NULL:
        return
    size = strlen(condition) + strlen(description) + 4
    record.error = <char *>malloc(size)
    if record.error != NULL:
        snprintf(record.error, size, b"%s (%s)", condition, description)


cdef void record_trace(record_t *record, const head_t *head, const uint8_t *octets) noexcept nogil:
    cdef const uint8_t *at = octets + head.trace.start
    cdef const uint8_t *end = at + head.trace.length
    cdef size_t length
    cdef size_t used = 0
    if head.trace_count == 0 or head.trace.length > TRACE_LIMIT:
        return
    record.trace = <char *>malloc(head.trace.length + 1)        # no element is longer than its encoding
    if record.trace == NULL:
        return
    while end - at >= 2:
        length = at[1] if not at[0] & 0x10 else (read_u32(at + 1) if end - at >= 5 else TRACE_LIMIT)
        at += 5 if at[0] & 0x10 else 2
        if length > <size_t>max(0, end - at):
            break
        if used:
            record.trace[used] = c"|"
            used += 1
        memcpy(record.trace + used, at, length)
        used += length
        at += length
    record.trace[used] = 0


cdef uint32_t record_identity(const bridge_t *bridge, const record_t *record, char *text) noexcept nogil:
    return snprintf(text, IDENTITY_LIMIT, b"%s:%llu", bridge.records.source, <unsigned long long>record.number)


# --- Python takes them

cdef str _text(const char *text):
    return (<const char *>text).decode("utf-8", "replace") if text != NULL else ""


cdef tuple _request(const request_t *request):
    if request == NULL:
        return None
    return (_text(request.protocol), _text(request.method), _text(request.result), _text(request.reason),
            _text(request.source_host), request.stream)


cdef tuple _row(record_t *record):
    if record.flow != NULL:
        _count(record)
    return (
        <int>record.kind,
        record.number,
        _text(record.identity),
        record.parent,
        record.started,
        record.ended,
        record.octets,
        record.octets_reverse,
        record.latency,
        *address_parts(&record.place),
        _text(record.trace),
        _text(record.error),
        _request(record.request),
    )


cdef list records_take(bridge_t *bridge, uint32_t slot):
    cdef records_t *records = &bridge.records
    cdef record_t *record = records.first[slot % RECORD_SLOTS]
    cdef record_t *following
    cdef int left = RECORD_TAKES
    rows = []
    while record != NULL:
        following = record.next
        left -= not record.taken
        if record.taken or left >= 0:
            rows.append(_row(record))
            record.taken = True
            _unqueue(records, record)
            if record.ended:
                _taken_at_its_end(records, record)
        record = following
    return rows


cdef void _taken_at_its_end(records_t *records, record_t *record) noexcept nogil:
    """A connection still counts until Python has told its end, and says so; the others are told at once."""
    if record.kind == RECORD_TPORT:
        _recycle(records, record)
    else:
        _leave(records, record)
