"""Native face of notices: what control should log, few and bounded."""

from libc.stdint cimport uint64_t

from skrouter.adaptors.tcp.bridge.model cimport address_t, bridge_t, ending, notice_kind

cdef enum:
    ADDRESS_TEXT = 64

cdef bint notices_open(bridge_t *bridge) noexcept nogil
cdef void notices_close(bridge_t *bridge) noexcept nogil
cdef void notice_add(bridge_t *bridge, notice_kind kind, uint64_t handle, const address_t *peer, const char *reason) noexcept nogil
# [(kind, handle, peer, reason)], oldest first; the descriptor is quiet afterwards.
cdef list notices_take(bridge_t *bridge)
# "host:port" of a packed sockaddr into ADDRESS_TEXT octets, "" if there is none.
cdef void address_print(const address_t *address, char *text) noexcept nogil
cdef str address_text(const address_t *address)
# (host, port) of a packed sockaddr, ("", "") if there is none.
cdef tuple address_parts(const address_t *address)
# One word for an end that is told of.
cdef const char *ending_text(ending why) noexcept nogil
