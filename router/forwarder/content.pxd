"""Native face of message content: octets in, octets out by cursor, memory given back as all cursors pass."""

from libc.stdint cimport uint8_t, uint32_t

from skrouter.router.forwarder.model cimport content_t, copy_t, forwarder_t

cdef content_t *content_new(forwarder_t *forwarder) noexcept nogil
cdef void content_release(content_t *content) noexcept nogil
# Room for at least one octet behind the last: returns how much, with *room pointing at it; 0 without memory.
cdef size_t content_room(content_t *content, size_t wanted, uint8_t **room) noexcept nogil
# So many octets were written into the room.
cdef void content_grew(content_t *content, size_t length) noexcept nogil
cdef bint content_append(content_t *content, const uint8_t *data, size_t length) noexcept nogil
# Drop what is there and what will come: nobody reads.
cdef void content_discard(content_t *content) noexcept nogil
# Where the message goes, for copies that begin when the link that had this address is gone.
cdef void content_keep_address(content_t *content, const char *address, uint32_t length) noexcept nogil
# Keep all octets although cursors pass them, until `content_release_front` (harmless if it was not asked for).
cdef void content_retain(content_t *content) noexcept nogil
cdef void content_release_front(content_t *content) noexcept nogil
# Cursors. `cursor_open` begins at the body; only while nothing has been passed yet.
cdef void cursor_open(copy_t *copy) noexcept nogil
cdef void cursor_close(copy_t *copy) noexcept nogil
cdef void cursor_cancel(copy_t *copy) noexcept nogil
cdef size_t cursor_peek(copy_t *copy, const uint8_t **data) noexcept nogil
cdef void cursor_pass(copy_t *copy, size_t length) noexcept nogil
cdef void content_free_cache(forwarder_t *forwarder) noexcept nogil
