"""HTTP/2 as it passes by: frames, header blocks, streams (RFC 9113).

Of a frame only the header is kept, and header blocks up to BLOCK octets; bodies are counted. Streams beyond STREAMS at a time
are not observed, but their header blocks are decoded, as the tables of both sides want it.
"""

from libc.stdint cimport uint32_t, uint64_t
from libc.stdio cimport snprintf
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcmp, memcpy, memmove

from skrouter.adaptors.tcp.bridge.hpack cimport hpack_begin, hpack_decode, hpack_entry_t, hpack_free, hpack_t
from skrouter.adaptors.tcp.bridge.http1 cimport note_source
from skrouter.adaptors.tcp.bridge.model cimport RECORD_APP, record_t
from skrouter.adaptors.tcp.bridge.records cimport record_begin, record_end, record_octets, record_touch
from skrouter.amqp.engine.octets cimport read_u32

from skrouter.amqp import _proton  # noqa: F401


cdef enum:
    PREFACE = 24
    FRAME_HEAD = 9
    BLOCK = 16384                   # octets of one header block; with more, observation ends
    STREAMS = 128
    DATA = 0x00                     # frame types
    HEADERS = 0x01
    RST_STREAM = 0x03
    PUSH_PROMISE = 0x05
    CONTINUATION = 0x09
    END_STREAM = 0x01               # flags
    END_HEADERS = 0x04
    PADDED = 0x08
    PRIORITY = 0x20

cdef struct side_t:                 # one direction
    uint32_t skipped                # octets of the client's preface
    uint8_t head[FRAME_HEAD]
    uint32_t head_length
    uint32_t left                   # octets of the frame's payload that have not come
    uint32_t padding                # octets at the end of the payload
    bint starts                     # its first octet has not come
    uint8_t *block                  # owner: this; a header block, NULL: none is under way
    uint32_t block_length
    uint32_t block_stream           # whose; 0: a promise's
    bint block_ends                 # the stream's direction ends with it
    hpack_t hpack

cdef struct h2_stream_t:
    uint32_t id                     # 0: free
    record_t *record
    bint asked
    bint answered

cdef struct http2_t:                # owner: its observer
    side_t client
    side_t server
    h2_stream_t streams[STREAMS]

cdef struct block_t:                # what a header block is decoded for
    record_t *record                # NULL: none
    bint is_informational


cdef bint http2_begin(observer_t *observer) noexcept nogil:
    cdef http2_t *http = <http2_t *>calloc(1, sizeof(http2_t))
    observer.http2 = http
    if http == NULL:
        return False
    hpack_begin(&http.client.hpack)
    hpack_begin(&http.server.hpack)
    http.server.skipped = PREFACE
    return True


cdef void http2_end(observer_t *observer) noexcept nogil:
    cdef http2_t *http = <http2_t *>observer.http2
    cdef int i
    for i in range(STREAMS):
        _end_stream(observer, &http.streams[i])
    free(http.client.block)
    free(http.server.block)
    hpack_free(&http.client.hpack)
    hpack_free(&http.server.hpack)
    free(http)
    observer.http2 = NULL


cdef bint http2_see(observer_t *observer, const uint8_t *data, size_t length, bint from_client) noexcept nogil:
    cdef http2_t *http = <http2_t *>observer.http2
    cdef side_t *side = &http.client if from_client else &http.server
    cdef size_t step
    while length:
        if side.skipped < PREFACE:
            step = min(length, <size_t>(PREFACE - side.skipped))
            side.skipped += <uint32_t>step
        elif side.head_length < FRAME_HEAD:
            step = min(length, <size_t>(FRAME_HEAD - side.head_length))
            memcpy(side.head + side.head_length, data, step)
            side.head_length += <uint32_t>step
            if side.head_length == FRAME_HEAD and not _on_head(observer, http, side, from_client):
                return False
        else:
            step = min(length, <size_t>side.left)
            if not _on_payload(observer, http, side, data, step, from_client):
                return False
            side.left -= <uint32_t>step
            if side.left == 0 and not _on_end(observer, http, side, from_client):
                return False
        data += step
        length -= step
    return True


# --- frames

cdef uint32_t _stream_of(const side_t *side) noexcept nogil:
    return read_u32(side.head + 5) & 0x7FFFFFFF


cdef bint _has_block(int kind) noexcept nogil:
    return kind == HEADERS or kind == PUSH_PROMISE or kind == CONTINUATION


cdef bint _on_head(observer_t *observer, http2_t *http, side_t *side, bint from_client) noexcept nogil:
    cdef int kind = side.head[3]
    side.left = (<uint32_t>side.head[0] << 16) | (<uint32_t>side.head[1] << 8) | side.head[2]
    side.padding = 0
    side.starts = True
    if (side.block != NULL) != (kind == CONTINUATION):
        return False                    # nothing may come between the parts of a header block
    if (kind == HEADERS or kind == PUSH_PROMISE) and not _begin_block(side, kind):
        return False
    return side.left != 0 or _on_end(observer, http, side, from_client)


cdef bint _begin_block(side_t *side, int kind) noexcept nogil:
    side.block = <uint8_t *>malloc(BLOCK)
    side.block_length = 0
    side.block_stream = _stream_of(side) if kind == HEADERS else 0
    side.block_ends = kind == HEADERS and side.head[4] & END_STREAM
    return side.block != NULL


cdef bint _on_payload(observer_t *observer, http2_t *http, side_t *side, const uint8_t *data, size_t length,
                      bint from_client) noexcept nogil:
    cdef int kind = side.head[3]
    cdef h2_stream_t *stream
    if side.starts:
        side.starts = False
        if (kind == DATA or kind == HEADERS or kind == PUSH_PROMISE) and side.head[4] & PADDED:
            side.padding = data[0]
    if _has_block(kind):
        if side.block_length + length > BLOCK:
            return False
        memcpy(side.block + side.block_length, data, length)
        side.block_length += <uint32_t>length
    elif kind == DATA:
        stream = _find(http, _stream_of(side))
        if stream != NULL and stream.record != NULL:
            if from_client:
                stream.record.octets += length
            else:
                stream.record.octets_reverse += length
            record_touch(observer.bridge, stream.record)
    return True


cdef bint _on_end(observer_t *observer, http2_t *http, side_t *side, bint from_client) noexcept nogil:
    """The frame is complete."""
    cdef int kind = side.head[3]
    cdef h2_stream_t *stream = _find(http, _stream_of(side))
    side.head_length = 0
    if kind == DATA and stream != NULL:
        _take_back_padding(side, stream, from_client)
        if side.head[4] & END_STREAM:
            _end_direction(observer, stream, from_client)
    elif kind == RST_STREAM and stream != NULL:
        _end_stream(observer, stream)
    elif _has_block(kind):
        if (kind != CONTINUATION and not _strip(side, kind)) or (
                side.head[4] & END_HEADERS and not _on_block(observer, http, side, from_client)):
            return False
    return True


cdef void _take_back_padding(const side_t *side, h2_stream_t *stream, bint from_client) noexcept nogil:
    """Octets of padding are none of the body's."""
    cdef uint64_t size = side.padding + 1 if side.head[4] & PADDED else 0
    if stream.record == NULL:
        return
    if from_client:
        stream.record.octets -= min(size, stream.record.octets)
    else:
        stream.record.octets_reverse -= min(size, stream.record.octets_reverse)


cdef bint _strip(side_t *side, int kind) noexcept nogil:
    """Leave nothing but the block: no padding, priority, or number of the promised stream."""
    cdef uint32_t front = 0
    if side.head[4] & PADDED:
        front = 1
    if kind == PUSH_PROMISE:
        front += 4
    elif side.head[4] & PRIORITY:
        front += 5
    if front + side.padding > side.block_length:
        return False
    side.block_length -= front + side.padding
    memmove(side.block, side.block + front, side.block_length)
    return True


# --- header blocks

cdef bint _on_block(observer_t *observer, http2_t *http, side_t *side, bint from_client) noexcept nogil:
    cdef block_t found
    cdef h2_stream_t *stream = _find(http, side.block_stream)
    cdef bint decoded
    if stream == NULL and from_client and side.block_stream & 1:
        stream = _begin_stream(observer, http, side.block_stream)
    found.record = stream.record if stream != NULL else NULL
    found.is_informational = False
    decoded = hpack_decode(&side.hpack, side.block, side.block_length,
                           _on_request_header if from_client else _on_answer_header, &found)
    free(side.block)
    side.block = NULL
    if not decoded:
        return False
    if stream == NULL:
        return True
    if stream.record != NULL:
        if from_client or not found.is_informational:
            record_octets(observer.bridge, stream.record, from_client)
        record_touch(observer.bridge, stream.record)
    if side.block_ends:
        _end_direction(observer, stream, from_client)
    return True


cdef bint _is(const hpack_entry_t *header, const char *name, uint32_t length) noexcept nogil:
    return header.name_size == length and memcmp(header.name, name, length) == 0


cdef void _keep(char *to, uint32_t room, const hpack_entry_t *header) noexcept nogil:
    snprintf(to, room, b"%.*s", <int>header.value_length, header.value)


cdef void _on_request_header(void *owner, const hpack_entry_t *header) noexcept nogil:
    cdef record_t *record = (<block_t *>owner).record
    if record == NULL:
        return
    if _is(header, b":method", 7):
        _keep(record.request.method, 32, header)
    elif _is(header, b"x-forwarded-for", 15):
        note_source(record, header.value, header.value_length)


cdef void _on_answer_header(void *owner, const hpack_entry_t *header) noexcept nogil:
    cdef block_t *found = <block_t *>owner
    if not _is(header, b":status", 7):
        return
    found.is_informational = header.value_length == 3 and header.value[0] == c"1"
    if found.record != NULL and not found.is_informational:
        _keep(found.record.request.result, 8, header)


# --- streams

cdef h2_stream_t *_find(http2_t *http, uint32_t id) noexcept nogil:
    cdef int i
    if id == 0:
        return NULL
    for i in range(STREAMS):
        if http.streams[i].id == id:
            return &http.streams[i]
    return NULL


cdef h2_stream_t *_begin_stream(observer_t *observer, http2_t *http, uint32_t id) noexcept nogil:
    """NULL: too many are open."""
    cdef h2_stream_t *stream = NULL
    cdef int i
    for i in range(STREAMS):
        if http.streams[i].id == 0:
            stream = &http.streams[i]
            break
    if stream == NULL:
        return NULL
    stream.id = id
    stream.asked = stream.answered = False
    stream.record = record_begin(observer.bridge, RECORD_APP, observer.parent)
    if stream.record != NULL:
        snprintf(stream.record.request.protocol, 16, b"HTTP/2")
        stream.record.request.stream = id
    return stream


cdef void _end_direction(observer_t *observer, h2_stream_t *stream, bint from_client) noexcept nogil:
    if from_client:
        stream.asked = True
    else:
        stream.answered = True
    if stream.asked and stream.answered:
        _end_stream(observer, stream)


cdef void _end_stream(observer_t *observer, h2_stream_t *stream) noexcept nogil:
    if stream.id and stream.record != NULL:
        record_end(observer.bridge, stream.record)
    stream.id = 0
    stream.record = NULL
