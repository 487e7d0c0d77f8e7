"""Native face of the PROXY protocol, version 2: whose connection this is, told before its first octet (ADR 0028)."""

from libc.stdint cimport uint8_t, uint32_t

from skrouter.adaptors.tcp.bridge.model cimport address_t

cdef enum:
    PROXY_HEAD = 16                 # octets before the addresses
    PROXY_LIMIT = 1040              # octets of a whole header: 1 KiB of addresses and additions
    PROXY_WRITTEN = 52              # octets of the longest header that is written
    ORIGIN_LIMIT = 19               # octets of an address between routers

# How many octets must be there before more can be said: of the head, or of the whole header. 0: it is none, or too long.
cdef size_t proxy_wanted(const uint8_t *data, size_t length) noexcept nogil
# The client's address in a whole header; size 0: the header names none. False: malformed.
cdef bint proxy_read(const uint8_t *data, address_t *client) noexcept nogil
# A header; its length. Without a client it says that nobody is known.
cdef size_t proxy_write(uint8_t *buffer, const address_t *client, const address_t *server) noexcept nogil
# An address between routers: 4 or 6, port, octets. 0: it has another family.
cdef uint32_t origin_write(uint8_t *buffer, const address_t *client) noexcept nogil
# Size 0: it is none.
cdef void origin_read(const uint8_t *data, uint32_t length, address_t *client) noexcept nogil
