"""HTTP/1.0 and 1.1 as it passes by: requests and answers, matched in order (RFC 9112).

Of each line only the first LINE octets are kept. Bodies are counted, not looked at.
"""

from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memchr, memcmp, memcpy

from skrouter.adaptors.tcp.bridge.model cimport RECORD_APP, record_t
from skrouter.adaptors.tcp.bridge.records cimport record_begin, record_end, record_octets, record_touch

from skrouter.amqp import _proton  # noqa: F401


cdef enum:
    LINE = 256
    PIPELINE = 32                   # requests without an answer; with more, observation ends
    LARGEST = 4611686018427387904   # octets of a body: a length beyond that is none

cdef enum part_kind:
    PART_START                      # the first line of a message
    PART_FIELDS
    PART_BODY                       # so many octets
    PART_CHUNK                      # the line with a chunk's length
    PART_CHUNK_DATA                 # so many octets, and the end of the line
    PART_TRAILERS
    PART_REST                       # a body that ends with the connection

cdef struct side_t:                 # one direction
    part_kind part
    char line[LINE]
    uint32_t length                 # of the line so far; LINE: maybe more
    uint64_t left                   # octets of a body or a chunk
    uint64_t body                   # Content-Length
    bint has_length
    bint is_chunked
    bint is_final                   # answers: not 1xx

cdef struct exchange_t:
    record_t *record                # NULL: none is made
    char status[4]                  # of the final answer
    bint is_head
    bint is_connect
    bint asked                      # the request is complete
    bint answered

cdef struct http1_t:                # owner: its observer
    side_t client
    side_t server
    exchange_t exchanges[PIPELINE]  # a ring: those whose answer is not complete, oldest first
    uint32_t first
    uint32_t count
    exchange_t *asking              # whose request is under way; NULL: none
    bint is_tunnel                  # upgraded, or CONNECT: what follows is another protocol


cdef bint http1_begin(observer_t *observer) noexcept nogil:
    observer.http1 = calloc(1, sizeof(http1_t))
    return observer.http1 != NULL


cdef void http1_end(observer_t *observer) noexcept nogil:
    cdef http1_t *http = <http1_t *>observer.http1
    while http.count:
        _drop_first(observer, http)
    free(http)
    observer.http1 = NULL


cdef void _drop_first(observer_t *observer, http1_t *http) noexcept nogil:
    cdef exchange_t *exchange = &http.exchanges[http.first]
    if exchange.record != NULL:
        record_end(observer.bridge, exchange.record)
    if http.asking == exchange:
        http.asking = NULL
    http.first = (http.first + 1) % PIPELINE
    http.count -= 1


cdef bint http1_see(observer_t *observer, const uint8_t *data, size_t length, bint from_client) noexcept nogil:
    cdef http1_t *http = <http1_t *>observer.http1
    cdef side_t *side = &http.client if from_client else &http.server
    cdef size_t step
    while length and not http.is_tunnel:
        if side.part == PART_BODY or side.part == PART_CHUNK_DATA or side.part == PART_REST:
            step = _pass_body(observer, http, side, length, from_client)
        else:
            step = _take_line(side, data, length)
            if side.line[side.length - 1] == c"\n":
                if not _on_line(observer, http, side, from_client):
                    return False
                side.length = 0
        data += step
        length -= step
    return not http.is_tunnel


# --- octets

cdef size_t _take_line(side_t *side, const uint8_t *data, size_t length) noexcept nogil:
    """Up to the end of a line, which becomes the last octet that is kept."""
    cdef const uint8_t *end = <const uint8_t *>memchr(data, c"\n", length)
    cdef size_t step = end - data + 1 if end != NULL else length
    cdef size_t kept = min(step, <size_t>(LINE - side.length))
    memcpy(side.line + side.length, data, kept)
    side.length += <uint32_t>kept
    if kept < step:
        side.line[LINE - 1] = c"\n" if end != NULL else c" "
    return step


cdef size_t _pass_body(observer_t *observer, http1_t *http, side_t *side, size_t length, bint from_client) noexcept nogil:
    cdef exchange_t *exchange = http.asking if from_client else &http.exchanges[http.first]
    cdef size_t step = length if side.part == PART_REST or side.left > length else <size_t>side.left
    if exchange != NULL and exchange.record != NULL and (from_client or http.count):
        if from_client:
            exchange.record.octets += step
        else:
            exchange.record.octets_reverse += step
        record_touch(observer.bridge, exchange.record)
    if side.part == PART_REST:
        return step
    side.left -= step
    if side.left == 0:
        if side.part == PART_CHUNK_DATA:
            side.part = PART_CHUNK      # the line's end that follows is an empty line there
        else:
            _end_message(observer, http, side, from_client)
    return step


# --- lines

cdef uint32_t _text_length(const side_t *side) noexcept nogil:
    """Of the line, without its end."""
    cdef uint32_t length = side.length
    while length and (side.line[length - 1] == c"\n" or side.line[length - 1] == c"\r"):
        length -= 1
    return length


cdef bint _on_line(observer_t *observer, http1_t *http, side_t *side, bint from_client) noexcept nogil:
    cdef uint32_t length = _text_length(side)
    if side.part == PART_START:
        if length == 0:
            return from_client          # some clients end a body with an empty line
        return _on_request(observer, http, length) if from_client else _on_answer(observer, http, length)
    if side.part == PART_CHUNK:
        return length == 0 or _on_chunk(side, length)
    if length:
        if side.part == PART_FIELDS:
            _on_field(http, side, length, from_client)
        return True
    if side.part == PART_TRAILERS:
        _end_message(observer, http, side, from_client)
        return True
    return _on_body(observer, http, side, from_client)


cdef bint _copy(char *to, uint32_t room, const char *text, uint32_t length) noexcept nogil:
    """Terminated; False if it is too long, and then cut."""
    cdef uint32_t kept = min(length, room - 1)
    memcpy(to, text, kept)
    to[kept] = 0
    return kept == length


cdef bint _is_version(const char *text, uint32_t length) noexcept nogil:
    return length == 8 and memcmp(text, b"HTTP/1.", 7) == 0 and (text[7] == c"0" or text[7] == c"1")


cdef uint32_t _word(const char *text, uint32_t length) noexcept nogil:
    """Octets before the first space."""
    cdef const char *end = <const char *>memchr(text, c" ", length)
    return <uint32_t>(end - text) if end != NULL else length


cdef bint _on_request(observer_t *observer, http1_t *http, uint32_t length) noexcept nogil:
    """The version may lie behind what is kept of a long line."""
    cdef side_t *side = &http.client
    cdef const char *line = side.line
    cdef uint32_t method = _word(line, length)
    cdef exchange_t *exchange
    cdef uint32_t i
    for i in range(method):
        if not (c"A" <= line[i] <= c"Z" or line[i] == c"-" or line[i] == c"_"):
            return False
    if method == 0 or method > 31 or http.count == PIPELINE:
        return False
    if side.length < LINE and (length < 9 or not _is_version(line + length - 8, 8)):
        return False
    exchange = &http.exchanges[(http.first + http.count) % PIPELINE]
    http.count += 1
    exchange.is_head = method == 4 and memcmp(line, b"HEAD", 4) == 0
    exchange.is_connect = method == 7 and memcmp(line, b"CONNECT", 7) == 0
    exchange.asked = exchange.answered = False
    exchange.status[0] = 0
    exchange.record = record_begin(observer.bridge, RECORD_APP, observer.parent)
    if exchange.record != NULL:
        _copy(exchange.record.request.protocol, 16, b"HTTP/1.1", 8)
        if side.length < LINE:
            _copy(exchange.record.request.protocol, 16, line + length - 8, 8)
        _copy(exchange.record.request.method, 32, line, method)
        record_octets(observer.bridge, exchange.record, True)
    http.asking = exchange
    _begin_fields(side)
    return True


cdef bint _on_answer(observer_t *observer, http1_t *http, uint32_t length) noexcept nogil:
    cdef side_t *side = &http.server
    cdef exchange_t *exchange = &http.exchanges[http.first]
    cdef const char *line = side.line
    if http.count == 0 or length < 12 or not _is_version(line, 8) or line[8] != c" " or not (
            c"1" <= line[9] <= c"9" and c"0" <= line[10] <= c"9" and c"0" <= line[11] <= c"9"):
        return False
    side.is_final = line[9] != c"1" or memcmp(line + 9, b"101", 3) == 0
    if side.is_final:
        _copy(exchange.status, 4, line + 9, 3)
    if side.is_final and exchange.record != NULL:
        _copy(exchange.record.request.result, 8, line + 9, 3)
        if length > 13:
            _copy(exchange.record.request.reason, 64, line + 13, length - 13)
        record_octets(observer.bridge, exchange.record, False)
    _begin_fields(side)
    return True


cdef void _begin_fields(side_t *side) noexcept nogil:
    side.part = PART_FIELDS
    side.has_length = side.is_chunked = False
    side.body = 0


cdef bint _is_name(const char *line, uint32_t length, const char *name, uint32_t name_length) noexcept nogil:
    """Whether the field has this name, in small letters."""
    cdef uint32_t i
    if length <= name_length or line[name_length] != c":":
        return False
    for i in range(name_length):
        if (line[i] | 0x20 if c"A" <= line[i] <= c"Z" else line[i]) != name[i]:
            return False
    return True


cdef uint64_t _number(const char *text, uint32_t length, int base) noexcept nogil:
    """The digits it begins with; LARGEST if there are none, or too many."""
    cdef uint64_t value = 0
    cdef uint32_t i
    cdef int digit
    for i in range(length):
        digit = text[i] - c"0" if c"0" <= text[i] <= c"9" else (text[i] | 0x20) - c"a" + 10
        if digit < 0 or digit >= base:
            return value if i else LARGEST
        if value >= <uint64_t>LARGEST // base - 1:
            return LARGEST
        value = value * base + digit
    return value if length else LARGEST


cdef void _on_field(http1_t *http, side_t *side, uint32_t length, bint from_client) noexcept nogil:
    cdef const char *line = side.line
    cdef const char *value = <const char *>memchr(line, c":", length)
    cdef uint32_t size
    if value == NULL:
        return
    value += 1
    while value < line + length and (value[0] == c" " or value[0] == c"\t"):
        value += 1
    size = <uint32_t>(line + length - value)
    if _is_name(line, length, b"content-length", 14):
        side.has_length = True
        side.body = _number(value, size, 10)
    elif _is_name(line, length, b"transfer-encoding", 17):
        side.is_chunked = size >= 7 and memcmp(value + size - 7, b"chunked", 7) == 0
    elif from_client and _is_name(line, length, b"x-forwarded-for", 15) and http.asking != NULL:
        note_source(http.asking.record, value, size)


cdef void note_source(record_t *record, const char *value, uint32_t size) noexcept nogil:
    """The leftmost of the first such field (spec: tcp-adaptor §5)."""
    cdef const char *comma = <const char *>memchr(value, c",", size)
    if comma != NULL:
        size = <uint32_t>(comma - value)
    while size and (value[size - 1] == c" " or value[size - 1] == c"\t"):
        size -= 1
    if record != NULL and not record.request.source_host[0]:
        _copy(record.request.source_host, 128, value, size)


cdef bint _on_chunk(side_t *side, uint32_t length) noexcept nogil:
    cdef uint64_t size = _number(side.line, length, 16)
    if size >= LARGEST:
        return False
    side.left = size
    side.part = PART_CHUNK_DATA if size else PART_TRAILERS
    return True


# --- messages

cdef bint _on_body(observer_t *observer, http1_t *http, side_t *side, bint from_client) noexcept nogil:
    """The fields have ended: what kind of body follows (RFC 9112 §6.3). False: a length that is none."""
    cdef bint has_none = not from_client and _has_no_body(http, side)
    if side.has_length and side.body >= LARGEST:
        return False
    if not from_client and http.is_tunnel:
        return True
    if side.is_chunked and not has_none:
        side.part = PART_CHUNK
    elif side.has_length and side.body and not has_none:
        side.left = side.body
        side.part = PART_BODY
    elif not from_client and not side.has_length and not has_none:
        side.part = PART_REST
    else:
        _end_message(observer, http, side, from_client)
    return True


cdef bint _has_no_body(http1_t *http, const side_t *side) noexcept nogil:
    cdef const exchange_t *exchange = &http.exchanges[http.first]
    cdef const char *status = exchange.status
    if not side.is_final:
        return True
    if memcmp(status, b"101", 3) == 0 or (exchange.is_connect and status[0] == c"2"):
        http.is_tunnel = True
    return exchange.is_head or memcmp(status, b"204", 3) == 0 or memcmp(status, b"304", 3) == 0


cdef void _end_message(observer_t *observer, http1_t *http, side_t *side, bint from_client) noexcept nogil:
    cdef exchange_t *exchange = http.asking if from_client else &http.exchanges[http.first]
    side.part = PART_START
    if from_client:
        http.asking = NULL
        if exchange != NULL:
            exchange.asked = True
    elif side.is_final:
        exchange.answered = True
    while http.count and http.exchanges[http.first].asked and http.exchanges[http.first].answered:
        _drop_first(observer, http)
