"""Native face of the tables: entries by address, routers, neighbors."""

from libc.stdint cimport uint32_t, uint64_t

from skrouter.router.forwarder.model cimport entry_t, forwarder_t, link_t, treatment_kind

cdef enum:
    KEY_LIMIT = 2048            # octets of an address that are looked at

# The entry of an address as text (AMQP `to`, to-override, terminus), or NULL.
cdef entry_t *find_address(forwarder_t *forwarder, const char *text, size_t length) noexcept nogil
# The entry of a key (class letter and text), or NULL.
cdef entry_t *find_key(forwarder_t *forwarder, const char *key, size_t length) noexcept nogil
# Writes the key of an address to `key` (KEY_LIMIT octets); its length, 0 if it is empty or too long.
cdef size_t address_key(forwarder_t *forwarder, const char *text, size_t length, char *key) noexcept nogil
# The index of a router by its node id ("0/<id>"), 0 (this router) if it is unknown.
cdef uint32_t router_index(forwarder_t *forwarder, const char *node, size_t length) noexcept nogil

# Entries that native code makes for itself (a reply address of a TCP connection). NULL: there is one already, or no memory.
cdef entry_t *entry_add(forwarder_t *forwarder, const char *key, size_t length, treatment_kind treatment) noexcept nogil
cdef void entry_remove(forwarder_t *forwarder, entry_t *entry) noexcept nogil
cdef bint entry_add_consumer(entry_t *entry, link_t *link) noexcept nogil
cdef void entry_drop_consumer(entry_t *entry, link_t *link) noexcept nogil
