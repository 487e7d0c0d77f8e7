"""The frame guard: bounds every size, count and depth of an AMQP frame before proton decodes it (AMQP 1.0 sections 1 and 2.3).

Proton 0.40 recurses without a limit and believes counts; a frame that passes here cannot make it do either. Nothing is
decoded: each octet of a performative is looked at once, a transfer's payload not at all. No state but the caller's `guard_t`.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdio cimport snprintf
from libc.string cimport memcmp, memset

from skrouter.amqp.engine.octets cimport read_u32

cdef enum:
    HEADER_SIZE = 8           # of the protocol header, and of a frame's fixed part
    TRANSFER = 0x14
    # A descriptor as 0x00 0x80 with 8 octets, then a list32's code and size: enough to know where the performative ends.
    PERFORMATIVE_HEAD = 15


# ---- octets

cdef struct octets_t:  # a region of the caller's data, read from the front
    const uint8_t *at
    const uint8_t *end


cdef inline size_t left(const octets_t *octets) noexcept nogil:
    return <size_t>(octets.end - octets.at)


cdef inline bint take_number(octets_t *octets, bint wide, uint32_t *number) noexcept nogil:
    """A size or count field of 1 octet, or of 4 if `wide`; false if it is cut off."""
    cdef size_t width = 4 if wide else 1
    if left(octets) < width:
        return False
    number[0] = read_u32(octets.at) if wide else octets.at[0]
    octets.at += width
    return True


# ---- values (AMQP 1.0 section 1.2: the high half of a type code tells the width of what follows)

cdef inline bint is_type_code(uint8_t code) noexcept nogil:
    """Whether AMQP defines this type code; 0x00, which begins a described value, is not one."""
    cdef int low = 1 << (code & 0x0F)
    cdef int kind = code >> 4
    if kind == 0x4:
        return low & 0x003F
    if kind == 0x5:
        return low & 0x007F
    if kind == 0x7 or kind == 0x8:
        return low & 0x001F
    if kind == 0x9:
        return low & 0x0110
    if kind == 0xA or kind == 0xB:
        return low & 0x000B
    if kind == 0x6 or kind == 0xC or kind == 0xD:
        return low & 0x0003
    if kind == 0xE or kind == 0xF:
        return low & 0x0001
    return False


cdef inline size_t fixed_width(uint8_t code) noexcept nogil:
    """Octets of a value whose code is below 0xA0."""
    cdef int kind = code >> 4
    return 0 if kind == 4 else <size_t>1 << (kind - 5)


cdef inline int skip(octets_t *octets, size_t width) noexcept nogil:
    if width > left(octets):
        return GUARD_SIZE
    octets.at += width
    return GUARD_OK


cdef inline int skip_variable(octets_t *octets, bint wide) noexcept nogil:
    """The length and octets of a binary, string or symbol."""
    cdef uint32_t size
    if not take_number(octets, wide, &size):
        return GUARD_SIZE
    return skip(octets, size)


cdef inline int open_group(octets_t *octets, bint wide, octets_t *group, uint32_t *count) noexcept nogil:
    """The size and count of a list, map or array; `group` becomes what they enclose, `octets` moves behind it."""
    cdef uint32_t size
    if not take_number(octets, wide, &size) or size > left(octets):
        return GUARD_SIZE
    group.at = octets.at
    group.end = octets.at + size
    octets.at = group.end
    return GUARD_OK if take_number(group, wide, count) else GUARD_SIZE


cdef inline int skip_element(octets_t *octets, int depth) noexcept nogil:
    """skip_value(), without a call for the fixed widths that most fields have."""
    cdef uint8_t code = octets.at[0] if left(octets) else 0
    if code < 0x40 or code >= 0xA0 or depth > GUARD_MAX_DEPTH:
        return skip_value(octets, depth)
    octets.at += 1
    return skip(octets, fixed_width(code)) if is_type_code(code) else GUARD_TYPE_CODE


cdef int skip_compound(octets_t *octets, uint8_t code, int depth) noexcept nogil:
    """A list or map after its code; elements are one level below `depth`."""
    cdef octets_t group
    cdef uint32_t count
    cdef int error = open_group(octets, code >= 0xD0, &group, &count)
    if error:
        return error
    if count > left(&group):  # every element outside an array has a code of its own
        return GUARD_COUNT
    if code & 1 and count & 1:
        return GUARD_MAP_COUNT
    while count:
        error = skip_element(&group, depth + 1)
        if error:
            return error
        count -= 1
    return GUARD_OK if group.at == group.end else GUARD_SIZE


cdef int skip_constructor(octets_t *octets, int depth, uint8_t *code) noexcept nogil:
    """The constructor that all elements of an array share: a code, maybe behind descriptors."""
    cdef int error
    while True:
        if depth > GUARD_MAX_DEPTH:
            return GUARD_DEPTH
        if not left(octets):
            return GUARD_SIZE
        code[0] = octets.at[0]
        octets.at += 1
        if code[0]:
            return GUARD_OK if is_type_code(code[0]) else GUARD_TYPE_CODE
        depth += 1
        error = skip_value(octets, depth)
        if error:
            return error


cdef int skip_fixed_elements(octets_t *elements, size_t width, uint32_t count) noexcept nogil:
    cdef uint64_t most = GUARD_MAX_ZERO_WIDTH if width == 0 else left(elements) // width
    if count > most:
        return GUARD_COUNT
    elements.at += width * count
    return GUARD_OK


cdef int skip_array(octets_t *octets, bint wide, int depth) noexcept nogil:
    """An array after its code; elements are one level below `depth`."""
    cdef octets_t group
    cdef uint32_t count
    cdef uint8_t code
    cdef int error = open_group(octets, wide, &group, &count)
    if error:
        return error
    error = skip_constructor(&group, depth + 1, &code)
    if error:
        return error
    if code < 0xA0:
        error = skip_fixed_elements(&group, fixed_width(code), count)
    elif count > left(&group):  # each has at least a size
        error = GUARD_COUNT
    while not error and code >= 0xA0 and count:
        error = skip_content(&group, code, depth + 1)
        count -= 1
    if error:
        return error
    return GUARD_OK if group.at == group.end else GUARD_SIZE


cdef int skip_content(octets_t *octets, uint8_t code, int depth) noexcept nogil:
    """What follows a known type code."""
    if code < 0xA0:
        return skip(octets, fixed_width(code))
    if code < 0xC0:
        return skip_variable(octets, code >= 0xB0)
    if code < 0xE0:
        return skip_compound(octets, code, depth)
    return skip_array(octets, code >= 0xF0, depth)


cdef int skip_value(octets_t *octets, int depth) noexcept nogil:
    """One value with its constructor, `depth` levels inside the performative; recursion ends at GUARD_MAX_DEPTH."""
    cdef uint8_t code
    cdef int error
    if depth > GUARD_MAX_DEPTH:
        return GUARD_DEPTH
    if not left(octets):
        return GUARD_SIZE
    code = octets.at[0]
    octets.at += 1
    if code == 0:
        error = skip_value(octets, depth + 1)
        return error if error else skip_value(octets, depth + 1)
    return skip_content(octets, code, depth) if is_type_code(code) else GUARD_TYPE_CODE


# ---- performatives (section 2.7)

cdef struct performative_t:
    uint64_t descriptor
    octets_t fields  # the list, behind its code
    uint8_t code     # of the list


cdef int take_descriptor(octets_t *octets, uint64_t *descriptor) noexcept nogil:
    """The descriptor of a frame's body, which must be a ulong."""
    cdef const uint8_t *at = octets.at
    if left(octets) < 2 or at[0] != 0:
        return GUARD_NOT_A_PERFORMATIVE
    if at[1] == 0x53 and left(octets) > 2:
        descriptor[0] = at[2]
        octets.at += 3
        return GUARD_OK
    if at[1] == 0x80 and left(octets) > 9:
        descriptor[0] = <uint64_t>read_u32(at + 2) << 32 | read_u32(at + 6)
        octets.at += 10
        return GUARD_OK
    if at[1] == 0x44:
        return GUARD_UNKNOWN_PERFORMATIVE
    return GUARD_SYMBOLIC_PERFORMATIVE if at[1] == 0xA3 or at[1] == 0xB3 else GUARD_NOT_A_PERFORMATIVE


cdef int take_list(octets_t *octets, const uint8_t *frame_end, performative_t *performative) noexcept nogil:
    """The list's code and size: where the fields end, which must be inside the frame."""
    cdef uint8_t code
    cdef uint32_t size = 0
    if not left(octets):
        return GUARD_NOT_A_PERFORMATIVE
    code = performative.code = octets.at[0]
    performative.fields.at = octets.at + 1
    octets.at += 1
    if code != 0x45 and code != 0xC0 and code != 0xD0:
        return GUARD_NOT_A_PERFORMATIVE
    if code != 0x45 and not take_number(octets, code == 0xD0, &size):
        return GUARD_SIZE
    if size > <size_t>(frame_end - octets.at):
        return GUARD_SIZE
    performative.fields.end = octets.at + size
    return GUARD_OK


cdef int check_performative(guard_t *guard, const performative_t *performative) noexcept nogil:
    """Whether this performative may come now, on this channel."""
    if performative.descriptor < 0x10 or performative.descriptor > 0x18:
        return GUARD_UNKNOWN_PERFORMATIVE
    guard.at_descriptor = <uint8_t>performative.descriptor
    if not guard.opened and guard.at_descriptor != 0x10:
        return GUARD_BEFORE_OPEN
    if guard.at_channel > guard.channel_max:
        return GUARD_CHANNEL if guard.at_descriptor == 0x11 else GUARD_NO_SUCH_CHANNEL
    return GUARD_OK


# ---- frames (section 2.3)

cdef inline size_t refuse(guard_t *guard, int error) noexcept nogil:
    guard.error = <uint8_t>error
    return 0


cdef inline size_t want(guard_t *guard, size_t octets) noexcept nogil:
    guard.wanted = <uint32_t>octets
    return 0


cdef int check_frame_header(guard_t *guard, const uint8_t *data) noexcept nogil:
    """Size, data offset and type, from a frame's first 8 octets."""
    guard.at_size = read_u32(data)
    guard.at_channel = <uint16_t>(data[6] << 8 | data[7])
    guard.at_descriptor = 0
    if guard.at_size < HEADER_SIZE or data[4] < 2:
        return GUARD_MALFORMED_FRAME
    if guard.at_size > guard.max_frame_size:
        return GUARD_FRAME_TOO_LARGE
    if <uint32_t>data[4] * 4 > guard.at_size:
        return GUARD_MALFORMED_FRAME
    if data[5] == 1:
        return GUARD_SASL_FRAME
    return GUARD_OK if data[5] == 0 else GUARD_FRAME_TYPE


cdef size_t scan_body(guard_t *guard, const uint8_t *data, size_t length, size_t begin) noexcept nogil:
    """A frame's performative; gives what may pass: the frame, or a transfer up to its payload."""
    cdef size_t size = guard.at_size
    cdef performative_t performative
    cdef octets_t octets
    cdef size_t end
    cdef int error
    octets.at = data + begin
    octets.end = data + min(length, size)
    error = take_descriptor(&octets, &performative.descriptor)
    if not error:
        error = check_performative(guard, &performative)
    if not error:
        error = take_list(&octets, data + size, &performative)
    if error:
        return refuse(guard, error)
    end = <size_t>(performative.fields.end - data)
    if end != size and guard.at_descriptor != TRANSFER:
        return refuse(guard, GUARD_TRAILING_OCTETS)
    if end > length:
        return want(guard, end)
    error = skip_content(&performative.fields, performative.code, 0)
    if error:
        return refuse(guard, error)
    guard.opened = True
    guard.payload = <uint32_t>(size - end)
    return end


cdef size_t scan_frame(guard_t *guard, const uint8_t *data, size_t length) noexcept nogil:
    """One frame; gives what may pass of it, 0 if refused or more is wanted."""
    cdef size_t begin, head
    cdef int error
    if length < HEADER_SIZE:
        return want(guard, HEADER_SIZE)
    error = check_frame_header(guard, data)
    if error:
        return refuse(guard, error)
    begin = data[4] * 4
    head = min(<size_t>guard.at_size, begin + PERFORMATIVE_HEAD)
    if length < head:
        return want(guard, head)
    if begin == guard.at_size:
        return begin
    return scan_body(guard, data, length, begin)


cdef size_t scan_header(guard_t *guard, const uint8_t *data, size_t length) noexcept nogil:
    """The protocol header (section 2.2); a wrong octet is refused as soon as it is here."""
    if memcmp(data, b"AMQP\x00\x01\x00\x00", min(length, <size_t>HEADER_SIZE)):
        return refuse(guard, GUARD_PROTOCOL_HEADER)
    if length < HEADER_SIZE:
        return want(guard, HEADER_SIZE)
    guard.header_passed = True
    return HEADER_SIZE


# ---- the face

cdef void guard_init(guard_t *guard, uint32_t max_frame_size, uint16_t channel_max) noexcept nogil:
    memset(guard, 0, sizeof(guard_t))
    guard.max_frame_size = max_frame_size
    guard.channel_max = channel_max
    guard.wanted = HEADER_SIZE


cdef void guard_limit(guard_t *guard, uint32_t max_frame_size, uint16_t channel_max) noexcept nogil:
    guard.max_frame_size = max_frame_size
    guard.channel_max = channel_max


cdef int guard_scan(guard_t *guard, const uint8_t *data, size_t length, size_t *passable) noexcept nogil:
    cdef size_t at = 0
    cdef size_t step
    passable[0] = 0
    if guard.error:
        return guard.error
    guard.wanted = 1
    while at < length:
        if guard.payload:
            step = min(length - at, <size_t>guard.payload)
            guard.payload -= <uint32_t>step
        elif guard.header_passed:
            step = scan_frame(guard, data + at, length - at)
        else:
            step = scan_header(guard, data + at, length - at)
        if step == 0:
            break
        at += step
    passable[0] = at
    return guard.error


cdef const char *guard_condition(int error) noexcept nogil:
    if error == GUARD_OK:
        return b""
    if error == GUARD_NO_SUCH_CHANNEL:
        return b"amqp:not-allowed"
    if error == GUARD_SYMBOLIC_PERFORMATIVE or error == GUARD_UNKNOWN_PERFORMATIVE:
        return b"amqp:not-implemented"
    if error == GUARD_BEFORE_OPEN:
        return b"amqp:illegal-state"
    if error >= GUARD_TYPE_CODE:
        return b"amqp:decode-error"
    return b"amqp:connection:framing-error"


cdef const char *guard_description(int error) noexcept nogil:
    if error == GUARD_OK:
        return b""
    if error == GUARD_PROTOCOL_HEADER:
        return b"Unknown protocol detected: not the AMQP 1.0.0 header"
    if error == GUARD_MALFORMED_FRAME:
        return b"malformed frame"
    if error == GUARD_FRAME_TOO_LARGE:
        return b"malformed frame: larger than max-frame-size"
    if error == GUARD_SASL_FRAME:
        return b"malformed frame: SASL frame outside the SASL exchange"
    if error == GUARD_FRAME_TYPE:
        return b"malformed frame: type is neither AMQP nor SASL"
    if error == GUARD_CHANNEL:
        return b"remote channel is above negotiated channel_max"
    if error == GUARD_NO_SUCH_CHANNEL:
        return b"no such channel"
    if error == GUARD_NOT_A_PERFORMATIVE:
        return b"malformed frame: body is not a described list"
    if error == GUARD_SYMBOLIC_PERFORMATIVE:
        return b"performatives with a symbolic descriptor are not supported, send the ulong descriptor"
    if error == GUARD_UNKNOWN_PERFORMATIVE:
        return b"unknown performative"
    if error == GUARD_BEFORE_OPEN:
        return b"performative before open"
    if error == GUARD_TRAILING_OCTETS:
        return b"malformed frame: octets after the performative"
    if error == GUARD_TYPE_CODE:
        return b"unknown AMQP type code"
    if error == GUARD_SIZE:
        return b"size of a value does not agree with the octets around it"
    if error == GUARD_COUNT:
        return b"count of a list, map or array exceeds the octets it holds or 256 elements without width"
    if error == GUARD_MAP_COUNT:
        return b"map with an odd number of elements"
    if error == GUARD_DEPTH:
        return b"values nested deeper than 32 levels"
    return b"unknown error"


cdef size_t guard_explain(const guard_t *guard, char *text, size_t size) noexcept nogil:
    cdef const char *description = guard_description(guard.error)
    cdef int error = guard.error
    cdef int written
    if error == GUARD_FRAME_TOO_LARGE:
        written = snprintf(text, size, b"%s (%u octets, %u allowed)", description, guard.at_size, guard.max_frame_size)
    elif error == GUARD_CHANNEL:
        written = snprintf(text, size, b"remote channel %u is above negotiated channel_max %u.",
                           <unsigned>guard.at_channel, <unsigned>guard.channel_max)
    elif error == GUARD_NO_SUCH_CHANNEL:
        written = snprintf(text, size, b"%s: %u", description, <unsigned>guard.at_channel)
    elif guard.at_descriptor:
        written = snprintf(text, size, b"%s (performative 0x%02x, channel %u, frame of %u octets)", description,
                           <unsigned>guard.at_descriptor, <unsigned>guard.at_channel, guard.at_size)
    else:
        written = snprintf(text, size, b"%s", description)
    return 0 if written < 0 else min(<size_t>written, size - 1)


# ---- the Python face

# In the order of the enumeration in guard.pxd.
NAMES = (
    "OK", "PROTOCOL_HEADER", "MALFORMED_FRAME", "FRAME_TOO_LARGE", "SASL_FRAME", "FRAME_TYPE", "CHANNEL",
    "NO_SUCH_CHANNEL", "NOT_A_PERFORMATIVE", "SYMBOLIC_PERFORMATIVE", "UNKNOWN_PERFORMATIVE",
    "BEFORE_OPEN", "TRAILING_OCTETS", "TYPE_CODE", "SIZE", "COUNT", "MAP_COUNT", "DEPTH",
)


def describe(int error):
    """(name, AMQP condition, constant description) of an error that scan() gave."""
    return NAMES[error], guard_condition(error).decode(), guard_description(error).decode()


cdef class Guard:
    """A guard for tests and tools; the engine embeds guard_t instead."""

    cdef guard_t guard

    def __init__(self, uint32_t max_frame_size, uint16_t channel_max):
        guard_init(&self.guard, max_frame_size, channel_max)

    def scan(self, const uint8_t[::1] data):
        """(error, octets that may pass now); what did not pass must be offered again with more behind it."""
        cdef size_t passable
        cdef const uint8_t *at = NULL
        if data.shape[0]:
            at = &data[0]
        return guard_scan(&self.guard, at, <size_t>data.shape[0], &passable), passable

    @property
    def wanted(self):
        """Octets that must be offered together before more can pass."""
        return self.guard.wanted

    def explain(self):
        """The refusal with its numbers, "" if nothing was refused."""
        cdef char[256] text
        return text[: guard_explain(&self.guard, text, sizeof(text))].decode()

    def repeat(self, const uint8_t[::1] data, size_t times):
        """Scan the same whole frames `times` times without Python in between (micro benchmark); gives the last error."""
        cdef size_t passable, i
        cdef int error = GUARD_OK
        with nogil:
            for i in range(times):
                error = guard_scan(&self.guard, &data[0], <size_t>data.shape[0], &passable)
        return error
