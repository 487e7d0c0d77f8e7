"""The leading octets of a message: router annotations v2, header priority and properties.to (spec: routing-protocol §7).

Nothing is decoded that is not needed, and nothing behind the properties is looked at. Every length is checked against
the octets that are there, so half a head is HEAD_MORE and a lie is HEAD_INVALID.
"""

from libc.stdint cimport uint32_t
from libc.string cimport memcmp, memcpy, memset

from skrouter.amqp.engine.octets cimport put_u32, read_u32
from skrouter.router.forwarder.model cimport (
    DEFAULT_PRIORITY,
    PEER_EDGE,
    PEER_INTER_EDGE,
    PEER_INTER_NETWORK,
    links_t,
    peer_kind,
    slice_t,
)

cdef enum:
    ANNOTATION_HEADER = 10      # 0x00 0x80 and the 8 octets of the descriptor

cdef struct reader_t:
    const uint8_t *data
    size_t at
    size_t end                  # octets that are there
    bint short                  # something needed lies behind the end
    bint wrong


cdef bint _have(reader_t *reader, size_t count) noexcept nogil:
    if reader.end - reader.at < count:
        reader.short = True
        return False
    return True


cdef bint _skip(reader_t *reader) noexcept nogil:
    """Pass one value that is not described. False: short or wrong."""
    cdef uint8_t code
    cdef size_t size
    if not _have(reader, 1):
        return False
    code = reader.data[reader.at]
    if code < 0x40 or code > 0xF0:
        reader.wrong = True
        return False
    if code < 0xA0:                         # fixed width: the high half of the code says how wide
        size = 1 + ((<size_t>1 << ((code >> 4) - 5)) if code >= 0x50 else 0)
    elif (code >> 4) & 1:                   # 0xB0, 0xD0, 0xF0: four octets of size
        if not _have(reader, 5):
            return False
        size = 5 + <size_t>read_u32(reader.data + reader.at + 1)
    else:                                   # 0xA0, 0xC0, 0xE0: one
        if not _have(reader, 2):
            return False
        size = 2 + <size_t>reader.data[reader.at + 1]
    if not _have(reader, size):
        return False
    reader.at += size
    return True


cdef bint _list(reader_t *reader, uint32_t *count, size_t *end) noexcept nogil:
    """Enter a list; *end is where it ends. False: short or wrong."""
    cdef uint8_t code
    if not _have(reader, 1):
        return False
    code = reader.data[reader.at]
    if code == 0x45:
        count[0] = 0
        end[0] = reader.at = reader.at + 1
        return True
    if code == 0xC0 and _have(reader, 3):
        end[0] = reader.at + 2 + reader.data[reader.at + 1]
        count[0] = reader.data[reader.at + 2]
        reader.at += 3
    elif code == 0xD0 and _have(reader, 9):
        end[0] = reader.at + 5 + <size_t>read_u32(reader.data + reader.at + 1)
        count[0] = read_u32(reader.data + reader.at + 5)
        reader.at += 9
    else:
        reader.wrong = not reader.short
        return False
    if end[0] > reader.end:
        reader.short = True
        return False
    if end[0] < reader.at or count[0] > end[0] - reader.at:
        reader.wrong = True
        return False
    return True


cdef bint _string(reader_t *reader, slice_t *text) noexcept nogil:
    """Take a string or null."""
    cdef uint8_t code
    if not _have(reader, 1):
        return False
    code = reader.data[reader.at]
    text.present = False
    if code == 0x40:
        reader.at += 1
        return True
    if code == 0xA1 and _have(reader, 2):
        text.start = reader.at + 2
        text.length = reader.data[reader.at + 1]
    elif code == 0xB1 and _have(reader, 5):
        text.start = reader.at + 5
        text.length = read_u32(reader.data + reader.at + 1)
    else:
        reader.wrong = not reader.short
        return False
    if not _skip(reader):
        return False
    text.present = True
    return True


cdef bint _octets(reader_t *reader, slice_t *value) noexcept nogil:
    """Take a binary or null; of anything else, all its octets."""
    cdef size_t start = reader.at
    cdef uint8_t code
    if not _have(reader, 1):
        return False
    code = reader.data[start]
    value.present = code != 0x40
    if not _skip(reader):
        return False
    if code == 0xA0:
        start += 2
    elif code == 0xB0:
        start += 5
    value.start = start
    value.length = reader.at - start
    return True


cdef bint _uint(reader_t *reader, uint32_t *value) noexcept nogil:
    cdef uint8_t code
    if not _have(reader, 1):
        return False
    code = reader.data[reader.at]
    if code == 0x43:
        value[0] = 0
    elif code == 0x52 and _have(reader, 2):
        value[0] = reader.data[reader.at + 1]
    elif code == 0x70 and _have(reader, 5):
        value[0] = read_u32(reader.data + reader.at + 1)
    else:
        reader.wrong = not reader.short
        return False
    return _skip(reader)


cdef bint _trace(reader_t *reader, head_t *head) noexcept nogil:
    cdef size_t end = 0
    cdef uint32_t i
    cdef slice_t element
    if not _list(reader, &head.trace_count, &end):
        return False
    head.trace.start = reader.at
    head.trace.length = end - reader.at
    head.trace.present = True
    for i in range(head.trace_count):
        if not _string(reader, &element) or not element.present or reader.at > end:
            reader.wrong = True
            return False
    reader.wrong = reader.at != end
    return not reader.wrong


cdef bint _annotations(reader_t *reader, head_t *head) noexcept nogil:
    """The value of the annotations section; all of it must be there before any of it counts."""
    cdef size_t end = 0
    cdef uint32_t count = 0
    reader.at += ANNOTATION_HEADER
    if not _list(reader, &count, &end):
        return False
    if count < 4:
        reader.wrong = True
        return False
    if not (_uint(reader, &head.flags) and _string(reader, &head.to_override)
            and _string(reader, &head.ingress) and _trace(reader, head)):
        return False
    if count > 4 and not _string(reader, &head.mesh):
        return False
    if reader.at > end:
        reader.wrong = True
        return False
    reader.at = end
    head.body = end
    return True


cdef bint _is_annotated(reader_t *reader) noexcept nogil:
    """Whether an annotations section begins here; unknown while fewer octets than its mark are there."""
    cdef size_t there = reader.end - reader.at
    if memcmp(reader.data + reader.at, b"\x00\x80SKPR--RA", min(there, <size_t>ANNOTATION_HEADER)) != 0:
        return False
    if there < ANNOTATION_HEADER:
        reader.short = True
        return False
    return True


cdef bint _header(reader_t *reader, head_t *head) noexcept nogil:
    """Section 0x70: its second field is the priority."""
    cdef uint32_t count = 0
    cdef size_t end = 0
    if not _list(reader, &count, &end):
        return False
    if count > 1 and _skip(reader) and reader.at < end and reader.data[reader.at] == 0x50 and reader.at + 1 < end:
        head.priority = min(reader.data[reader.at + 1], 9)
    reader.at = end
    return not reader.wrong


cdef bint _properties(reader_t *reader, head_t *head) noexcept nogil:
    """Section 0x73: its second field is the user, its third the address."""
    cdef uint32_t count = 0
    cdef size_t end = 0
    if not _list(reader, &count, &end):
        return False
    if count > 1 and not (_skip(reader) and _octets(reader, &head.user) and reader.at <= end):
        return False
    return count < 3 or (_string(reader, &head.to) and reader.at <= end)


cdef bint _section_code(reader_t *reader, uint8_t *code) noexcept nogil:
    """The section that begins here, passing its descriptor; 0 for one that this file does not know."""
    code[0] = 0
    if not _have(reader, 3):
        return False
    if reader.data[reader.at] != 0:
        reader.wrong = True
        return False
    if reader.data[reader.at + 1] == 0x53:
        code[0] = reader.data[reader.at + 2]
        reader.at += 3
    elif reader.data[reader.at + 1] == 0x80:
        if not _have(reader, 10):
            return False
        code[0] = reader.data[reader.at + 9] if read_u32(reader.data + reader.at + 2) == 0 else 0
        reader.at += 10
    return True


cdef head_result read_head(const uint8_t *data, size_t length, bint annotated, head_t *head) noexcept nogil:
    cdef reader_t reader
    cdef uint8_t code = 0
    memset(&reader, 0, sizeof(reader))
    reader.data = data
    reader.end = length
    if annotated and _is_annotated(&reader) and not _annotations(&reader, head):
        return HEAD_MORE if reader.short and not reader.wrong else HEAD_INVALID
    while not reader.short and not reader.wrong and _section_code(&reader, &code):
        if code == 0x70:
            _header(&reader, head)
        elif code == 0x71 or code == 0x72:
            _skip(&reader)
        elif code == 0x73:
            if _properties(&reader, head):
                head.certain = True
                return HEAD_DONE
        else:
            head.certain = code >= 0x74 and code <= 0x78
            return HEAD_DONE                # the body, or what comes behind it: no address will follow
    return HEAD_MORE if reader.short and not reader.wrong else HEAD_INVALID


# --- writing

cdef size_t _put_string(uint8_t *at, const char *text, size_t length) noexcept nogil:
    if text == NULL:
        at[0] = 0x40
        return 1
    if length < 256:
        at[0] = 0xA1
        at[1] = <uint8_t>length
        memcpy(at + 2, text, length)
        return 2 + length
    at[0] = 0xB1
    put_u32(at + 1, <uint32_t>length)
    memcpy(at + 5, text, length)
    return 5 + length


cdef size_t _put_slice(uint8_t *at, const uint8_t *data, const slice_t *text) noexcept nogil:
    return _put_string(at, <const char *>data + text.start if text.present else NULL, text.length)


cdef size_t _put_to_override(const content_t *content, const link_t *origin, uint8_t *at) noexcept nogil:
    """A link with an address of its own delivers there, whatever the message had been told elsewhere."""
    if origin != NULL and origin.address != NULL:
        return _put_string(at, origin.address, origin.address_length)
    if content.address != NULL:
        return _put_string(at, content.address, content.address_length)
    return _put_slice(at, content.first.data, &content.head.to_override)


cdef size_t _put_ingress(const content_t *content, const forwarder_t *forwarder, uint8_t *at) noexcept nogil:
    """The first interior router of the way; an edge leaves that to its interior router."""
    if not content.head.ingress.present and forwarder.interior:
        return _put_string(at, forwarder.node, forwarder.node_length)
    return _put_slice(at, content.first.data, &content.head.ingress)


cdef bint _has_trace(const content_t *content) noexcept nogil:
    return content.head.trace.present and content.head.trace_count != 0


cdef size_t _put_trace(const content_t *content, const forwarder_t *forwarder, uint8_t *at) noexcept nogil:
    """What came with the message, and this router."""
    cdef size_t length = 9
    if not forwarder.interior and not _has_trace(content):
        at[0] = 0x45
        return 1
    at[0] = 0xD0
    if content.head.trace.present:
        memcpy(at + length, content.first.data + content.head.trace.start, content.head.trace.length)
        length += content.head.trace.length
    if forwarder.interior:
        length += _put_string(at + length, forwarder.node, forwarder.node_length)
    put_u32(at + 1, length - 5)
    put_u32(at + 5, content.head.trace_count + (1 if forwarder.interior else 0))
    return length


cdef size_t _put_flags(uint32_t flags, uint8_t *at) noexcept nogil:
    if flags == 0:
        at[0] = 0x43
        return 1
    if flags < 256:
        at[0] = 0x52
        at[1] = flags
        return 2
    at[0] = 0x70
    return put_u32(at + 1, flags) - at


cdef size_t _put_nothing(uint8_t *at) noexcept nogil:
    """No ingress and no trace: another network has no use for names of ours."""
    at[0] = 0x40
    at[1] = 0x45
    return 2


cdef size_t _put_mesh(const content_t *content, const forwarder_t *forwarder, peer_kind peer, uint8_t *at) noexcept nogil:
    """An edge router names its mesh to its interior router; between interior routers it is passed on. 0: no element."""
    if peer == PEER_INTER_EDGE or peer == PEER_INTER_NETWORK:
        return 0
    if peer == PEER_EDGE and not forwarder.interior and forwarder.mesh_length:
        return _put_string(at, forwarder.mesh, forwarder.mesh_length)
    return _put_slice(at, content.first.data, &content.head.mesh) if content.head.mesh.present else 0


cdef size_t write_annotations(const content_t *content, const link_t *origin, const link_t *out, uint8_t *buffer) noexcept nogil:
    cdef const forwarder_t *forwarder = content.forwarder
    cdef const links_t *links = <const links_t *>out.connection.links
    cdef const head_t *head = &content.head
    cdef size_t length = ANNOTATION_HEADER + 9
    cdef size_t needed = 256 + head.to_override.length + head.ingress.length + head.trace.length + head.mesh.length
    cdef size_t mesh
    if origin != NULL:
        needed += origin.address_length
    needed += content.address_length
    if needed + forwarder.node_length * 2 > PREFIX_LIMIT:
        return 0
    memcpy(buffer, b"\x00\x80SKPR--RA\xd0", ANNOTATION_HEADER + 1)
    length += _put_flags(head.flags, buffer + length)
    length += _put_to_override(content, origin, buffer + length)
    if links.peer == PEER_INTER_NETWORK:
        length += _put_nothing(buffer + length)
    else:
        length += _put_ingress(content, forwarder, buffer + length)
        length += _put_trace(content, forwarder, buffer + length)
    mesh = _put_mesh(content, forwarder, links.peer, buffer + length)
    length += mesh
    put_u32(buffer + ANNOTATION_HEADER + 1, length - ANNOTATION_HEADER - 5)
    put_u32(buffer + ANNOTATION_HEADER + 5, 5 if mesh else 4)
    return length


# --- the Python face: see sections.pyi

def parse_head(bytes data not None, bint annotated):
    """What the native reader finds in the leading octets: (result, fields); for tests against skrouter.amqp."""
    cdef head_t head
    cdef head_result result
    memset(&head, 0, sizeof(head))
    head.priority = 4
    result = read_head(<const uint8_t *><const char *>data, len(data), annotated, &head)
    texts = {}
    for name, start, length, present in (
        ("to_override", head.to_override.start, head.to_override.length, head.to_override.present),
        ("ingress", head.ingress.start, head.ingress.length, head.ingress.present),
        ("mesh", head.mesh.start, head.mesh.length, head.mesh.present),
        ("trace", head.trace.start, head.trace.length, head.trace.present),
        ("to", head.to.start, head.to.length, head.to.present),
        ("user", head.user.start, head.user.length, head.user.present),
    ):
        texts[name] = data[start : start + length] if present else None
    names = {HEAD_DONE: "done", HEAD_MORE: "more", HEAD_INVALID: "invalid"}
    return names[result], {**texts, "body": head.body, "flags": head.flags, "priority": head.priority,
                           "trace_count": head.trace_count}
