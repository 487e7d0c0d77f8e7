"""Native face of HPACK: header lists of HTTP/2 decoded for what an observer wants of them (RFC 7541)."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t

cdef enum:
    HPACK_TABLE = 16384             # octets that a peer may have a table grow to; with more, observation ends
    HPACK_NAME = 64                 # octets of a name and of a value that are kept; the rest is passed over
    HPACK_VALUE = 128
    HPACK_ENTRIES = 512             # HPACK_TABLE by the least size of an entry

cdef struct hpack_entry_t:          # name and value as far as they are kept, and the size that the table counts
    uint32_t size
    uint32_t name_size              # octets of the whole name
    uint16_t name_length
    uint16_t value_length
    char name[HPACK_NAME]
    char value[HPACK_VALUE]

cdef struct hpack_t:                # owner: its observer; free with hpack_free
    hpack_entry_t *entries          # owner: this; a ring, grown as needed
    uint32_t room                   # of `entries`
    uint32_t first                  # place of the newest
    uint32_t count
    uint32_t size                   # as RFC 7541 §4.1 counts it
    uint32_t limit

ctypedef void (*header_fn)(void *owner, const hpack_entry_t *header) noexcept nogil

cdef void hpack_begin(hpack_t *hpack) noexcept nogil
cdef void hpack_free(hpack_t *hpack) noexcept nogil
# Decode one whole header block, and tell each header. False: it cannot be decoded; the table is of no use any more.
cdef bint hpack_decode(hpack_t *hpack, const uint8_t *data, size_t length, header_fn tell, void *owner) noexcept nogil
