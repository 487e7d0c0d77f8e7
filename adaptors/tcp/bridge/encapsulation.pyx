"""The sections before a stream's octets: written for our streams, read from the other side's (spec: tcp-adaptor §3).

A head is properties, application-properties and an amqp-value null; behind it the octets of the TCP stream follow without
any framing, so the reader must stop exactly there. Every length is checked against the octets that are there.
"""

from libc.string cimport memcmp, memcpy

from skrouter.adaptors.tcp.bridge.proxy cimport ORIGIN_LIMIT, origin_read, origin_write
from skrouter.amqp.engine.octets cimport put_u32, read_u32

from skrouter.amqp import _proton  # noqa: F401


cdef enum:
    SECTION_HEADER = 0x70
    SECTION_MESSAGE_ANNOTATIONS = 0x72
    SECTION_PROPERTIES = 0x73
    SECTION_APPLICATION_PROPERTIES = 0x74
    SECTION_VALUE = 0x77
    NULL_VALUE = 0x40
    FIELD_REPLY_TO = 4              # position in properties (AMQP 1.0 §3.2.4)
    FIELD_CORRELATION_ID = 5
    FIELD_CONTENT_TYPE = 6
    CONTENT_TYPE_LENGTH = 24
    FIXED_OCTETS = 128              # of a head, beside its four texts

cdef const char *CONTENT_TYPE = b"application/octet-stream"


# --- writing

cdef uint8_t *_put_octets(uint8_t *at, const void *octets, size_t length) noexcept nogil:
    memcpy(at, octets, length)
    return at + length


cdef uint8_t *_put_string(uint8_t *at, const char *text, uint32_t length) noexcept nogil:
    """A string, or null if the text is empty."""
    if length == 0:
        at[0] = NULL_VALUE
        return at + 1
    if length < 256:
        at[0] = 0xA1
        at[1] = <uint8_t>length
        return _put_octets(at + 2, text, length)
    at[0] = 0xB1
    return _put_octets(put_u32(at + 1, length), text, length)


cdef uint8_t *_put_properties(uint8_t *at, const text_t *to, const text_t *reply_to, const text_t *flow) noexcept nogil:
    cdef uint8_t *start = at
    at = _put_octets(at, b"\x00\x53\x73\xd0", 4) + 4
    at = put_u32(at, 7)
    at = _put_octets(at, b"\x40\x40", 2)
    at = _put_string(at, to.at, to.length)
    at = _put_octets(at, b"\x40", 1)
    at = _put_string(at, reply_to.at, reply_to.length)
    at = _put_string(at, flow.at, flow.length)
    at = _put_string(at, CONTENT_TYPE, CONTENT_TYPE_LENGTH)
    put_u32(start + 4, <uint32_t>(at - start - 8))
    return at


cdef uint8_t *_put_application_properties(uint8_t *at, const char *alpn, uint32_t alpn_length,
                                          const address_t *origin) noexcept nogil:
    cdef uint8_t *start = at
    cdef uint8_t octets[ORIGIN_LIMIT]
    cdef uint32_t origin_length = origin_write(octets, origin)
    at = _put_octets(at, b"\x00\x53\x74\xd1", 4) + 4
    at = put_u32(at, 2 + 2 * (alpn_length != 0) + 2 * (origin_length != 0))
    at = _put_octets(at, b"\xa1\x01V\x52\x01", 5)
    if alpn_length:
        at = _put_octets(at, b"\xa1\x04alpn", 6)
        at = _put_string(at, alpn, alpn_length)
    if origin_length:
        at = _put_octets(at, b"\xa1\x06client\xa0", 9)
        at[0] = <uint8_t>origin_length
        at = _put_octets(at + 1, octets, origin_length)
    put_u32(start + 4, <uint32_t>(at - start - 8))
    return at


cdef size_t write_stream_head(uint8_t *buffer, size_t size, const text_t *to, const text_t *reply_to, const text_t *flow,
                              const char *alpn, uint32_t alpn_length, const address_t *origin) noexcept nogil:
    cdef uint8_t *at = buffer
    if <size_t>FIXED_OCTETS + to.length + reply_to.length + flow.length + alpn_length > size:
        return 0
    at = _put_properties(at, to, reply_to, flow)
    at = _put_application_properties(at, alpn, alpn_length, origin)
    at = _put_octets(at, b"\x00\x53\x77\x40", 4)
    return at - buffer


# --- reading

cdef struct reader_t:
    const uint8_t *data
    size_t at
    size_t end                      # octets that may be looked at
    bint short                      # something lies behind the end
    bint wrong

cdef struct value_t:                # one variable-width value
    const uint8_t *octets
    uint32_t length
    bint is_text


cdef bint _have(reader_t *reader, size_t count) noexcept nogil:
    if reader.end - reader.at >= count:
        return True
    reader.short = True
    return False


cdef bint _wrong(reader_t *reader) noexcept nogil:
    reader.wrong = True
    return False


cdef bint _take_value(reader_t *reader, value_t *value) noexcept nogil:
    """Pass one value that is not described. False: short or wrong."""
    cdef uint8_t code
    cdef size_t prefix = 1
    cdef size_t size = 0
    if not _have(reader, 1):
        return False
    code = reader.data[reader.at]
    if code < 0x40 or code > 0xF0:
        return _wrong(reader)
    if code >= 0xA0:
        prefix = 5 if (code >> 4) & 1 else 2
        if not _have(reader, prefix):
            return False
        size = read_u32(reader.data + reader.at + 1) if prefix == 5 else reader.data[reader.at + 1]
    elif code >= 0x50:
        size = <size_t>1 << ((code >> 4) - 5)
    if not _have(reader, prefix + size):
        return False
    value.octets = reader.data + reader.at + prefix
    value.length = <uint32_t>size
    value.is_text = code == 0xA1 or code == 0xA3 or code == 0xB1 or code == 0xB3
    reader.at += prefix + size
    return True


cdef bint _enter(reader_t *reader, uint8_t narrow, uint8_t wide, uint32_t *count, size_t *end) noexcept nogil:
    """Enter a list or map of these two codes; *end is behind its last octet. It must be there as a whole."""
    cdef uint8_t code
    cdef size_t width
    if not _have(reader, 1):
        return False
    code = reader.data[reader.at]
    if code != narrow and code != wide:
        return _wrong(reader)
    width = 1 if code == narrow else 4
    if not _have(reader, 1 + 2 * width):
        return False
    if width == 1:
        end[0] = reader.at + 2 + reader.data[reader.at + 1]
        count[0] = reader.data[reader.at + 2]
    else:
        end[0] = reader.at + 5 + <size_t>read_u32(reader.data + reader.at + 1)
        count[0] = read_u32(reader.data + reader.at + 5)
    reader.at += 1 + 2 * width
    if end[0] < reader.at or count[0] > end[0] - reader.at:
        return _wrong(reader)
    if end[0] > reader.end:
        reader.short = True
        return False
    return True


cdef bint _leave(reader_t *reader, size_t end) noexcept nogil:
    """The elements must not reach behind what holds them."""
    if reader.short or reader.at > end:
        return _wrong(reader)
    reader.at = end
    return not reader.wrong


cdef bint _read_properties(reader_t *reader, stream_head_t *head, bint *ours) noexcept nogil:
    cdef value_t value
    cdef uint32_t count = 0
    cdef uint32_t field
    cdef size_t end = 0
    if _have(reader, 1) and reader.data[reader.at] == 0x45:     # list0: no field at all
        reader.at += 1
        return True
    if not _enter(reader, 0xC0, 0xD0, &count, &end):
        return False
    for field in range(min(count, <uint32_t>(FIELD_CONTENT_TYPE + 1))):
        if not _take_value(reader, &value):
            break
        if field == FIELD_REPLY_TO and value.is_text:
            head.reply_to = value.octets
            head.reply_to_length = value.length
        elif field == FIELD_CORRELATION_ID and value.is_text:
            head.flow = value.octets
            head.flow_length = value.length
        elif field == FIELD_CONTENT_TYPE and value.is_text:
            ours[0] = value.length == CONTENT_TYPE_LENGTH and memcmp(value.octets, CONTENT_TYPE, CONTENT_TYPE_LENGTH) == 0
    return _leave(reader, end)


cdef bint _read_application_properties(reader_t *reader, stream_head_t *head) noexcept nogil:
    cdef value_t key
    cdef value_t value
    cdef uint32_t count = 0
    cdef uint32_t pair
    cdef size_t end = 0
    if not _enter(reader, 0xC1, 0xD1, &count, &end):
        return False
    for pair in range(count // 2):
        if reader.at >= end or not (_take_value(reader, &key) and _take_value(reader, &value)):
            break
        if key.is_text and key.length == 4 and memcmp(key.octets, b"alpn", 4) == 0 and value.is_text:
            head.alpn = value.octets
            head.alpn_length = value.length
        elif key.is_text and key.length == 6 and memcmp(key.octets, b"client", 6) == 0:
            origin_read(value.octets, value.length, &head.origin)
    return _leave(reader, end)


cdef int _section(reader_t *reader) noexcept nogil:
    """Pass a section's descriptor and return its code; 0 for one that has no business in a message, -1: short or wrong."""
    cdef int code
    if not _have(reader, 3):
        return -1
    if reader.data[reader.at] != 0:
        return 0
    if reader.data[reader.at + 1] == 0x53:
        code = reader.data[reader.at + 2]
        reader.at += 3
        return code
    if reader.data[reader.at + 1] != 0x80:
        return 0
    if not _have(reader, 10):
        return -1
    code = reader.data[reader.at + 9] if memcmp(reader.data + reader.at + 2, b"\0\0\0\0\0\0\0", 7) == 0 else 0
    reader.at += 10
    return code


cdef head_check _read_body(reader_t *reader, int code, bint ours, stream_head_t *head) noexcept nogil:
    if not ours:
        return STREAM_HEAD_FOREIGN
    if code != SECTION_VALUE:
        return STREAM_HEAD_MALFORMED
    if not _have(reader, 1):
        return STREAM_HEAD_MORE
    if reader.data[reader.at] != NULL_VALUE:
        return STREAM_HEAD_MALFORMED
    head.length = reader.at + 1
    return STREAM_HEAD_DONE


cdef head_check read_stream_head(const uint8_t *data, size_t length, stream_head_t *head) noexcept nogil:
    cdef reader_t reader = reader_t(data, 0, length, False, False)
    cdef value_t skipped
    cdef bint ours = False
    cdef int code
    head.origin.size = 0
    head.length = head.reply_to_length = head.flow_length = head.alpn_length = 0
    while not reader.short and not reader.wrong:
        code = _section(&reader)
        if code == SECTION_PROPERTIES:
            _read_properties(&reader, head, &ours)
        elif code == SECTION_APPLICATION_PROPERTIES:
            _read_application_properties(&reader, head)
        elif SECTION_HEADER <= code <= SECTION_MESSAGE_ANNOTATIONS:
            _take_value(&reader, &skipped)
        elif code >= 0:
            return _read_body(&reader, code, ours, head)
    return STREAM_HEAD_MALFORMED if reader.wrong else STREAM_HEAD_MORE


# --- for tests: the same functions, from Python

def write_head(bytes to, bytes reply_to=b"", bytes alpn=b"", bytes flow=b"", bytes origin=b""):
    """The head of a client stream, or of a server stream if `reply_to` is empty; `flow`: identity of its record."""
    cdef address_t client
    cdef uint8_t buffer[8192]
    cdef text_t to_text = text_t(to, len(to))
    cdef text_t reply_text = text_t(reply_to, len(reply_to))
    cdef text_t flow_text = text_t(flow, len(flow))
    cdef size_t length
    origin_read(origin, len(origin), &client)
    length = write_stream_head(buffer, sizeof(buffer), &to_text, &reply_text, &flow_text, alpn, len(alpn),
                                           &client)
    if length == 0:
        octets = len(to) + len(reply_to) + len(alpn) + len(flow)
        raise ValueError(f"the texts of a stream's head have {octets} octets; at most 8000 fit")
    return (<char *>buffer)[:length]


def read_head(bytes data):
    """(length, reply-to, alpn, flow, origin) of a complete head, or 'more', 'malformed' or 'foreign'."""
    cdef stream_head_t head
    cdef uint8_t origin[ORIGIN_LIMIT]
    cdef head_check check = read_stream_head(data, len(data), &head)
    if check != STREAM_HEAD_DONE:
        return {STREAM_HEAD_MORE: "more", STREAM_HEAD_MALFORMED: "malformed", STREAM_HEAD_FOREIGN: "foreign"}[check]
    reply_to = (<const char *>head.reply_to)[:head.reply_to_length] if head.reply_to_length else b""
    alpn = (<const char *>head.alpn)[:head.alpn_length] if head.alpn_length else b""
    flow = (<const char *>head.flow)[:head.flow_length] if head.flow_length else b""
    return head.length, reply_to, alpn, flow, (<char *>origin)[:origin_write(origin, &head.origin)]
