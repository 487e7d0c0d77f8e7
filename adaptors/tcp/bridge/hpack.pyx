"""HPACK, decoding only (RFC 7541): static and dynamic table, integers, strings with Huffman's code.

Every length is checked against the octets that are there. Names and values are kept to the length that observers want; an
entry's size in the table counts what it really has, so that positions stay those of the encoder.
"""

from libc.stdint cimport uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, strlen

from skrouter.amqp import _proton  # noqa: F401


cdef enum:
    STATIC_COUNT = 61
    ENTRY_OVERHEAD = 32             # RFC 7541 §4.1
    DEFAULT_TABLE = 4096
    FIRST_ROOM = 16
    SYMBOLS = 257
    END_OF_STRING = 256
    LONGEST_CODE = 30
    INTEGER_LIMIT = 16777216

cdef struct static_t:
    const char *name
    const char *value

cdef static_t STATIC[62]            # tables, written once when the module is loaded; RFC 7541, appendix A
STATIC[1] = static_t(b":authority", b"")
STATIC[2] = static_t(b":method", b"GET")
STATIC[3] = static_t(b":method", b"POST")
STATIC[4] = static_t(b":path", b"/")
STATIC[5] = static_t(b":path", b"/index.html")
STATIC[6] = static_t(b":scheme", b"http")
STATIC[7] = static_t(b":scheme", b"https")
STATIC[8] = static_t(b":status", b"200")
STATIC[9] = static_t(b":status", b"204")
STATIC[10] = static_t(b":status", b"206")
STATIC[11] = static_t(b":status", b"304")
STATIC[12] = static_t(b":status", b"400")
STATIC[13] = static_t(b":status", b"404")
STATIC[14] = static_t(b":status", b"500")
STATIC[15] = static_t(b"accept-charset", b"")
STATIC[16] = static_t(b"accept-encoding", b"gzip, deflate")
STATIC[17] = static_t(b"accept-language", b"")
STATIC[18] = static_t(b"accept-ranges", b"")
STATIC[19] = static_t(b"accept", b"")
STATIC[20] = static_t(b"access-control-allow-origin", b"")
STATIC[21] = static_t(b"age", b"")
STATIC[22] = static_t(b"allow", b"")
STATIC[23] = static_t(b"authorization", b"")
STATIC[24] = static_t(b"cache-control", b"")
STATIC[25] = static_t(b"content-disposition", b"")
STATIC[26] = static_t(b"content-encoding", b"")
STATIC[27] = static_t(b"content-language", b"")
STATIC[28] = static_t(b"content-length", b"")
STATIC[29] = static_t(b"content-location", b"")
STATIC[30] = static_t(b"content-range", b"")
STATIC[31] = static_t(b"content-type", b"")
STATIC[32] = static_t(b"cookie", b"")
STATIC[33] = static_t(b"date", b"")
STATIC[34] = static_t(b"etag", b"")
STATIC[35] = static_t(b"expect", b"")
STATIC[36] = static_t(b"expires", b"")
STATIC[37] = static_t(b"from", b"")
STATIC[38] = static_t(b"host", b"")
STATIC[39] = static_t(b"if-match", b"")
STATIC[40] = static_t(b"if-modified-since", b"")
STATIC[41] = static_t(b"if-none-match", b"")
STATIC[42] = static_t(b"if-range", b"")
STATIC[43] = static_t(b"if-unmodified-since", b"")
STATIC[44] = static_t(b"last-modified", b"")
STATIC[45] = static_t(b"link", b"")
STATIC[46] = static_t(b"location", b"")
STATIC[47] = static_t(b"max-forwards", b"")
STATIC[48] = static_t(b"proxy-authenticate", b"")
STATIC[49] = static_t(b"proxy-authorization", b"")
STATIC[50] = static_t(b"range", b"")
STATIC[51] = static_t(b"referer", b"")
STATIC[52] = static_t(b"refresh", b"")
STATIC[53] = static_t(b"retry-after", b"")
STATIC[54] = static_t(b"server", b"")
STATIC[55] = static_t(b"set-cookie", b"")
STATIC[56] = static_t(b"strict-transport-security", b"")
STATIC[57] = static_t(b"transfer-encoding", b"")
STATIC[58] = static_t(b"user-agent", b"")
STATIC[59] = static_t(b"vary", b"")
STATIC[60] = static_t(b"via", b"")
STATIC[61] = static_t(b"www-authenticate", b"")

# RFC 7541, appendix B: lengths of the codes; the code is canonical, so they say it all.
cdef const char *CODE_LENGTHS = (
    b"\x0d\x17\x1c\x1c\x1c\x1c\x1c\x1c\x1c\x18\x1e\x1c\x1c\x1e\x1c\x1c\x1c\x1c\x1c\x1c\x1c\x1c\x1e\x1c\x1c\x1c\x1c\x1c\x1c\x1c\x1c\x1c"
    b"\x06\x0a\x0a\x0c\x0d\x06\x08\x0b\x0a\x0a\x08\x0b\x08\x06\x06\x06\x05\x05\x05\x06\x06\x06\x06\x06\x06\x06\x07\x08\x0f\x06\x0c\x0a"
    b"\x0d\x06\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x08\x07\x08\x0d\x13\x0d\x0e\x06"
    b"\x0f\x05\x06\x05\x06\x05\x06\x06\x06\x05\x07\x07\x06\x06\x06\x05\x06\x07\x06\x05\x05\x06\x07\x07\x07\x07\x07\x0f\x0b\x0e\x0d\x1c"
    b"\x14\x16\x14\x14\x16\x16\x16\x17\x16\x17\x17\x17\x17\x17\x18\x17\x18\x18\x16\x17\x18\x17\x17\x17\x17\x15\x16\x17\x16\x17\x17\x18"
    b"\x16\x15\x14\x16\x16\x17\x17\x15\x17\x16\x16\x18\x15\x16\x17\x17\x15\x15\x16\x15\x17\x16\x17\x17\x14\x16\x16\x16\x17\x16\x16\x17"
    b"\x1a\x1a\x14\x13\x16\x17\x16\x19\x1a\x1a\x1a\x1b\x1b\x1a\x18\x19\x13\x15\x1a\x1b\x1b\x1a\x1b\x18\x15\x15\x1a\x1a\x1c\x1b\x1b\x1b"
    b"\x14\x18\x14\x15\x16\x15\x15\x17\x16\x16\x19\x19\x18\x18\x1a\x17\x1a\x1b\x1a\x1a\x1b\x1b\x1b\x1b\x1b\x1c\x1b\x1b\x1b\x1b\x1b\x1a"
    b"\x1e"
)
cdef uint16_t SORTED[257]           # symbols by their codes
cdef uint32_t FIRST_CODE[32]        # by length
cdef uint16_t FIRST_PLACE[32]
cdef uint16_t CODES_OF[32]


cdef void _prepare() noexcept nogil:
    cdef int length, symbol
    cdef uint32_t code = 0
    cdef uint16_t place = 0
    for length in range(1, LONGEST_CODE + 1):
        code <<= 1
        FIRST_CODE[length] = code
        FIRST_PLACE[length] = place
        for symbol in range(SYMBOLS):
            if <uint8_t>CODE_LENGTHS[symbol] == length:
                SORTED[place] = <uint16_t>symbol
                place += 1
                code += 1
        CODES_OF[length] = <uint16_t>(place - FIRST_PLACE[length])

_prepare()


# --- the dynamic table

cdef void hpack_begin(hpack_t *hpack) noexcept nogil:
    hpack.entries = NULL
    hpack.room = hpack.first = hpack.count = hpack.size = 0
    hpack.limit = DEFAULT_TABLE


cdef void hpack_free(hpack_t *hpack) noexcept nogil:
    free(hpack.entries)
    hpack_begin(hpack)


cdef hpack_entry_t *_at(hpack_t *hpack, uint32_t index) noexcept nogil:
    """The newest has index 0."""
    return &hpack.entries[(hpack.first + index) % hpack.room]


cdef void _evict(hpack_t *hpack, uint32_t limit) noexcept nogil:
    while hpack.count and hpack.size > limit:
        hpack.count -= 1
        hpack.size -= _at(hpack, hpack.count).size


cdef bint _grow(hpack_t *hpack) noexcept nogil:
    cdef uint32_t room = min(<uint32_t>(hpack.room * 2), <uint32_t>HPACK_ENTRIES) if hpack.room else FIRST_ROOM
    cdef hpack_entry_t *entries
    cdef uint32_t i
    if room == hpack.room:
        return False
    entries = <hpack_entry_t *>calloc(room, sizeof(hpack_entry_t))
    if entries == NULL:
        return False
    for i in range(hpack.count):
        entries[i] = _at(hpack, i)[0]
    free(hpack.entries)
    hpack.entries = entries
    hpack.room = room
    hpack.first = 0
    return True


cdef bint _add(hpack_t *hpack, const hpack_entry_t *entry) noexcept nogil:
    """One that is larger than the table empties it (RFC 7541 §4.4)."""
    if entry.size > hpack.limit:
        _evict(hpack, 0)
        return True
    _evict(hpack, hpack.limit - entry.size)
    if hpack.count == hpack.room and not _grow(hpack):
        return False
    hpack.first = (hpack.first + hpack.room - 1) % hpack.room
    hpack.entries[hpack.first] = entry[0]
    hpack.count += 1
    hpack.size += entry.size
    return True


# --- primitive values

cdef struct reader_t:
    const uint8_t *at
    const uint8_t *end


cdef bint _integer(reader_t *reader, int bits, uint32_t *value) noexcept nogil:
    """With a prefix of so many bits (RFC 7541 §5.1)."""
    cdef uint32_t most = (1 << bits) - 1
    cdef uint64_t sum
    cdef uint8_t octet
    cdef int shift = 0
    if reader.at >= reader.end:
        return False
    sum = reader.at[0] & most
    reader.at += 1
    if sum < most:
        value[0] = <uint32_t>sum
        return True
    while reader.at < reader.end and shift <= 21:
        octet = reader.at[0]
        sum += <uint64_t>(octet & 0x7F) << shift
        shift += 7
        reader.at += 1
        if not octet & 0x80:
            value[0] = <uint32_t>sum
            return sum < INTEGER_LIMIT
    return False


cdef bint _huffman(const uint8_t *data, size_t length, char *text, uint32_t room, uint32_t *size) noexcept nogil:
    """*size: octets in all, also those beyond `room`. What is left at the end must be less than an octet of ones."""
    cdef uint32_t code = 0
    cdef int bits = 0
    cdef size_t i
    cdef int bit
    cdef uint32_t symbol
    size[0] = 0
    for i in range(length):
        for bit in range(7, -1, -1):
            code = (code << 1) | ((data[i] >> bit) & 1)
            bits += 1
            if bits > LONGEST_CODE:
                return False
            if code - FIRST_CODE[bits] >= CODES_OF[bits] or code < FIRST_CODE[bits]:
                continue
            symbol = SORTED[FIRST_PLACE[bits] + code - FIRST_CODE[bits]]
            if symbol == END_OF_STRING:
                return False
            if size[0] < room:
                text[size[0]] = <char>symbol
            size[0] += 1
            code = 0
            bits = 0
    return bits < 8 and code == (<uint32_t>1 << bits) - 1


cdef bint _string(reader_t *reader, char *text, uint32_t room, uint16_t *kept, uint32_t *size) noexcept nogil:
    cdef bint coded
    cdef uint32_t length = 0
    if reader.at >= reader.end:
        return False
    coded = reader.at[0] & 0x80
    if not _integer(reader, 7, &length) or length > <size_t>(reader.end - reader.at):
        return False
    size[0] = length
    if coded:
        if not _huffman(reader.at, length, text, room, size):
            return False
    else:
        memcpy(text, reader.at, min(length, room))
    reader.at += length
    kept[0] = <uint16_t>min(size[0], room)
    return True


# --- header blocks

cdef void _set_text(char *to, uint16_t *length, const char *text) noexcept nogil:
    length[0] = <uint16_t>strlen(text)
    memcpy(to, text, length[0])


cdef bint _indexed(hpack_t *hpack, uint32_t index, hpack_entry_t *entry) noexcept nogil:
    if index == 0 or index > STATIC_COUNT + hpack.count:
        return False
    if index > STATIC_COUNT:
        entry[0] = _at(hpack, index - STATIC_COUNT - 1)[0]
        return True
    _set_text(entry.name, &entry.name_length, STATIC[index].name)
    entry.name_size = entry.name_length
    _set_text(entry.value, &entry.value_length, STATIC[index].value)
    return True


cdef bint _literal(hpack_t *hpack, reader_t *reader, int bits, hpack_entry_t *entry) noexcept nogil:
    cdef uint32_t index = 0
    cdef uint32_t value_size = 0
    if not _integer(reader, bits, &index):
        return False
    if index:
        if not _indexed(hpack, index, entry):
            return False
    elif not _string(reader, entry.name, HPACK_NAME, &entry.name_length, &entry.name_size):
        return False
    if not _string(reader, entry.value, HPACK_VALUE, &entry.value_length, &value_size):
        return False
    entry.size = entry.name_size + value_size + ENTRY_OVERHEAD
    return True


cdef bint _resize(hpack_t *hpack, reader_t *reader) noexcept nogil:
    cdef uint32_t limit = 0
    if not _integer(reader, 5, &limit) or limit > HPACK_TABLE:
        return False
    hpack.limit = limit
    _evict(hpack, limit)
    return True


cdef bint hpack_decode(hpack_t *hpack, const uint8_t *data, size_t length, header_fn tell, void *owner) noexcept nogil:
    cdef reader_t reader = reader_t(data, data + length)
    cdef hpack_entry_t entry
    cdef uint32_t index = 0
    cdef uint8_t kind
    while reader.at < reader.end:
        kind = reader.at[0]
        if kind & 0x80:
            if not _integer(&reader, 7, &index) or not _indexed(hpack, index, &entry):
                return False
        elif kind & 0x40:
            if not _literal(hpack, &reader, 6, &entry) or not _add(hpack, &entry):
                return False
        elif kind & 0x20:
            if not _resize(hpack, &reader):
                return False
            continue
        elif not _literal(hpack, &reader, 4, &entry):
            return False
        tell(owner, &entry)
    return True


# --- for tests: the same function, from Python

cdef void _collect(void *owner, const hpack_entry_t *header) noexcept nogil:
    with gil:
        (<list>owner).append((header.name[:header.name_length], header.value[:header.value_length]))


def decode_blocks(list blocks):
    """The headers of each of these blocks of one connection, as far as they are kept; None for one that is wrong, the last."""
    cdef hpack_t hpack
    cdef bytes block
    found = []
    hpack_begin(&hpack)
    for block in blocks:
        headers = []
        if not hpack_decode(&hpack, block, len(block), _collect, <void *>headers):
            found.append(None)
            break
        found.append(headers)
    hpack_free(&hpack)
    return found
