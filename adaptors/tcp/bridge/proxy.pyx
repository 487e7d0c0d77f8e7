"""PROXY protocol version 2: read from clients, written to servers; and addresses of clients between routers (ADR 0028).

A header is 12 fixed octets, version and command, family, length, then addresses and additions, which are skipped.
"""

from libc.stdint cimport uint16_t
from libc.string cimport memcmp, memcpy, memset

from skrouter.amqp import _proton  # noqa: F401


cdef extern from "sys/socket.h" nogil:
    enum:
        AF_INET
        AF_INET6

cdef enum:
    SIGNATURE_LENGTH = 12
    LOCAL = 0x20                    # version 2: no client, such as a health check of the proxy itself
    PROXY = 0x21
    TCP4 = 0x11
    TCP6 = 0x21
    IPV4 = 4                        # octets of an address
    IPV6 = 16
    AT_IPV4 = 4                     # place of the address in a sockaddr_in; the port is at 2 in both
    AT_IPV6 = 8
    SIZE_IPV4 = 16                  # octets of a sockaddr_in, sockaddr_in6
    SIZE_IPV6 = 28

cdef const char *SIGNATURE = b"\x0d\x0a\x0d\x0a\x00\x0d\x0aQUIT\x0a"


# --- socket addresses

cdef void _set_address(address_t *address, const uint8_t *octets, bint is_ipv6, const uint8_t *port) noexcept nogil:
    cdef uint16_t family = AF_INET6 if is_ipv6 else AF_INET
    memset(address, 0, sizeof(address_t))
    address.size = SIZE_IPV6 if is_ipv6 else SIZE_IPV4
    memcpy(address.octets, &family, sizeof(family))
    memcpy(address.octets + 2, port, 2)
    memcpy(address.octets + (AT_IPV6 if is_ipv6 else AT_IPV4), octets, IPV6 if is_ipv6 else IPV4)


cdef int _family(const address_t *address) noexcept nogil:
    """4, 6 or 0."""
    cdef uint16_t family = 0
    if address.size < SIZE_IPV4:
        return 0
    memcpy(&family, address.octets, sizeof(family))
    if family == AF_INET:
        return 4
    return 6 if family == AF_INET6 and address.size >= SIZE_IPV6 else 0


cdef uint32_t _put_address(uint8_t *at, const address_t *address, int family) noexcept nogil:
    memcpy(at, address.octets + (AT_IPV4 if family == 4 else AT_IPV6), IPV4 if family == 4 else IPV6)
    return IPV4 if family == 4 else IPV6


# --- headers

cdef size_t _length(const uint8_t *data) noexcept nogil:
    return PROXY_HEAD + ((<size_t>data[14] << 8) | data[15])


cdef size_t proxy_wanted(const uint8_t *data, size_t length) noexcept nogil:
    if memcmp(data, SIGNATURE, min(length, <size_t>SIGNATURE_LENGTH)) != 0:
        return 0
    if length > SIGNATURE_LENGTH and data[12] != LOCAL and data[12] != PROXY:
        return 0
    if length < PROXY_HEAD:
        return PROXY_HEAD
    return _length(data) if _length(data) <= PROXY_LIMIT else 0


cdef bint proxy_read(const uint8_t *data, address_t *client) noexcept nogil:
    cdef size_t length = _length(data) - PROXY_HEAD
    cdef const uint8_t *at = data + PROXY_HEAD
    client.size = 0
    if data[12] == LOCAL or data[13] & 0x0F != 1 or data[13] >> 4 not in (1, 2):
        return True                     # addresses of other families mean nothing here
    if length < (12 if data[13] == TCP4 else 36):
        return False
    if data[13] == TCP4:
        _set_address(client, at, False, at + 2 * IPV4)
    else:
        _set_address(client, at, True, at + 2 * IPV6)
    return True


cdef size_t proxy_write(uint8_t *buffer, const address_t *client, const address_t *server) noexcept nogil:
    cdef int family = _family(client)
    cdef uint8_t *at = buffer + PROXY_HEAD
    memcpy(buffer, SIGNATURE, SIGNATURE_LENGTH)
    memset(buffer + SIGNATURE_LENGTH, 0, PROXY_WRITTEN - SIGNATURE_LENGTH)
    buffer[12] = PROXY if family else LOCAL
    if family == 0:
        return PROXY_HEAD
    buffer[13] = TCP4 if family == 4 else TCP6
    buffer[15] = 12 if family == 4 else 36
    at += _put_address(at, client, family)
    if _family(server) == family:
        _put_address(at, server, family)
        memcpy(at + (IPV4 if family == 4 else IPV6) + 2, server.octets + 2, 2)
    memcpy(at + (IPV4 if family == 4 else IPV6), client.octets + 2, 2)
    return PROXY_HEAD + buffer[15]


# --- between routers

cdef uint32_t origin_write(uint8_t *buffer, const address_t *client) noexcept nogil:
    cdef int family = _family(client)
    if family == 0:
        return 0
    buffer[0] = <uint8_t>family
    memcpy(buffer + 1, client.octets + 2, 2)
    return 3 + _put_address(buffer + 3, client, family)


cdef void origin_read(const uint8_t *data, uint32_t length, address_t *client) noexcept nogil:
    client.size = 0
    if length == 3 + IPV4 and data[0] == 4:
        _set_address(client, data + 3, False, data + 1)
    elif length == 3 + IPV6 and data[0] == 6:
        _set_address(client, data + 3, True, data + 1)


# --- for tests: the same functions, from Python

def read_header(bytes data):
    """Octets wanted if the header is not whole, None if it is none; else (length, origin as between routers)."""
    cdef address_t client
    cdef uint8_t origin[ORIGIN_LIMIT]
    cdef size_t wanted = proxy_wanted(data, len(data))
    if wanted == 0:
        return None
    if wanted > <size_t>len(data):
        return wanted
    if wanted == PROXY_HEAD and _length(data) > wanted:
        return _length(data)
    if not proxy_read(data, &client):
        return None
    return wanted, (<char *>origin)[:origin_write(origin, &client)]


def write_header(bytes client, bytes server=b""):
    """The header for a client and a server, both as between routers; empty: unknown."""
    cdef address_t source, target
    cdef uint8_t buffer[PROXY_WRITTEN]
    origin_read(client, len(client), &source)
    origin_read(server, len(server), &target)
    return (<char *>buffer)[:proxy_write(buffer, &source, &target)]
