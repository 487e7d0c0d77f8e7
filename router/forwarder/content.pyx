"""The octets of a message while they pass through: a chain of chunks, read by any number of cursors.

Octets are written once and never moved, except while the head is still being read: until then they stay in one growing
first chunk, so that addresses and annotations are contiguous. A chunk that every cursor has passed is given back at once.
When more than Q2_UPPER octets are held the sender is made to wait until the slowest cursor has brought them below Q2_LOWER.
"""

from libc.stdint cimport uint32_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy, memset

from skrouter.router.forwarder.model cimport (
    CHUNK_LARGE,
    CHUNK_SMALL,
    DEFAULT_PRIORITY,
    HEAD_LIMIT,
    KEPT_LARGE,
    KEPT_SMALL,
    Q2_LOWER,
    Q2_UPPER,
    arrival_t,
    chunk_t,
)

cdef enum:
    CHUNK_HEADER = sizeof(chunk_t)


# --- chunks

cdef chunk_t *_new_chunk(forwarder_t *forwarder, size_t wanted) noexcept nogil:
    cdef uint32_t capacity = CHUNK_SMALL if wanted <= CHUNK_SMALL else CHUNK_LARGE
    cdef chunk_t *chunk = forwarder.free_small if capacity == CHUNK_SMALL else forwarder.free_large
    if chunk != NULL:
        if capacity == CHUNK_SMALL:
            forwarder.free_small = chunk.next
            forwarder.free_small_count -= 1
        else:
            forwarder.free_large = chunk.next
            forwarder.free_large_count -= 1
    else:
        chunk = <chunk_t *>malloc(CHUNK_HEADER + capacity)
        if chunk == NULL:
            return NULL
        if capacity == CHUNK_SMALL:
            forwarder.heap.small_chunks += 1
        else:
            forwarder.heap.large_chunks += 1
    chunk.next = NULL
    chunk.size = 0
    chunk.capacity = capacity
    chunk.readers = 0
    forwarder.metrics.chunks_live += capacity
    return chunk


cdef void _free_chunk(forwarder_t *forwarder, chunk_t *chunk) noexcept nogil:
    forwarder.metrics.chunks_live -= chunk.capacity
    if chunk.capacity == CHUNK_SMALL and forwarder.free_small_count < KEPT_SMALL:
        chunk.next = forwarder.free_small
        forwarder.free_small = chunk
        forwarder.free_small_count += 1
    elif chunk.capacity == CHUNK_LARGE and forwarder.free_large_count < KEPT_LARGE:
        chunk.next = forwarder.free_large
        forwarder.free_large = chunk
        forwarder.free_large_count += 1
    else:
        if chunk.capacity == CHUNK_SMALL:
            forwarder.heap.small_chunks_freed += 1
        else:
            forwarder.heap.large_chunks_freed += 1
        free(chunk)


cdef void _free_chain(forwarder_t *forwarder, chunk_t *chunk) noexcept nogil:
    cdef chunk_t *following
    while chunk != NULL:
        following = chunk.next
        _free_chunk(forwarder, chunk)
        chunk = following


# --- content

cdef content_t *content_new(forwarder_t *forwarder) noexcept nogil:
    """Empty content with one reference; NULL without memory."""
    cdef content_t *content = forwarder.free_contents
    if content != NULL:
        forwarder.free_contents = <content_t *>content.first
    else:
        content = <content_t *>malloc(sizeof(content_t))
        if content == NULL:
            return NULL
        forwarder.heap.contents += 1
    memset(content, 0, sizeof(content_t))
    content.forwarder = forwarder
    content.head.priority = DEFAULT_PRIORITY
    content.references = 1
    forwarder.metrics.contents_live += 1
    return content


cdef void content_release(content_t *content) noexcept nogil:
    cdef forwarder_t *forwarder = content.forwarder
    content.references -= 1
    if content.references:
        return
    free(content.address)
    _free_chain(forwarder, content.first)
    forwarder.metrics.contents_live -= 1
    content.first = <chunk_t *>forwarder.free_contents
    forwarder.free_contents = content


cdef void content_keep_address(content_t *content, const char *address, uint32_t length) noexcept nogil:
    """Without memory the next router will reject what it cannot address: it is told, not lost."""
    content.address = <char *>malloc(length)
    if content.address != NULL:
        memcpy(content.address, address, length)
        content.address_length = length


cdef bint _enlarge_first(content_t *content) noexcept nogil:
    """Double the first chunk while the head is unknown; its octets must stay together."""
    cdef uint32_t capacity = CHUNK_LARGE if content.first.capacity < CHUNK_LARGE else content.first.capacity * 2
    cdef chunk_t *grown = <chunk_t *>realloc(content.first, CHUNK_HEADER + capacity)
    if grown == NULL:
        return False
    content.forwarder.metrics.chunks_live += capacity - grown.capacity
    if grown.capacity == CHUNK_SMALL:
        content.forwarder.heap.small_chunks_freed += 1
        content.forwarder.heap.large_chunks += 1
    grown.capacity = capacity
    content.first = content.last = grown
    return True


cdef size_t content_room(content_t *content, size_t wanted, uint8_t **room) noexcept nogil:
    cdef chunk_t *chunk = content.last
    if chunk != NULL and chunk.size == chunk.capacity:
        if not content.parsed and chunk == content.first and chunk.capacity < HEAD_LIMIT:
            if not _enlarge_first(content):
                return 0
            chunk = content.last
        else:
            chunk = NULL
    if chunk == NULL:
        chunk = _new_chunk(content.forwarder, wanted)
        if chunk == NULL:
            return 0
        chunk.readers = content.cursors
        if content.last == NULL:
            content.first = chunk
        else:
            content.last.next = chunk
        content.last = chunk
    room[0] = chunk.data + chunk.size
    return chunk.capacity - chunk.size


cdef void content_grew(content_t *content, size_t length) noexcept nogil:
    content.last.size += length
    content.length += length
    content.held += length
    if content.held > Q2_UPPER and content.retained:
        content_release_front(content)
    if content.held > Q2_UPPER and not content.unlimited:
        content.blocked = True


cdef bint content_append(content_t *content, const uint8_t *data, size_t length) noexcept nogil:
    cdef uint8_t *room = NULL
    cdef size_t size
    if content.discarded:
        content.length += length
        return True
    while length:
        size = content_room(content, length, &room)
        if size == 0:
            return False
        if size > length:
            size = length
        memcpy(room, data, size)
        content_grew(content, size)
        data += size
        length -= size
    return True


cdef void content_discard(content_t *content) noexcept nogil:
    content.discarded = True
    content_release_front(content)
    _free_chain(content.forwarder, content.first)
    content.first = content.last = NULL
    content.held = 0
    content.blocked = False
    if not content.complete and content.arrival != NULL and content.arrival.link != NULL:
        content.arrival.link.ops.resume(content.arrival)    # what is still to come must be read to be dropped


# --- cursors

cdef void cursor_open(copy_t *copy) noexcept nogil:
    cdef chunk_t *chunk = copy.content.first
    copy.chunk = chunk
    copy.offset = copy.content.head.body
    copy.reading = True
    copy.content.cursors += 1
    while chunk != NULL:
        chunk.readers += 1
        chunk = chunk.next


cdef void _reclaim(content_t *content) noexcept nogil:
    """Give back the chunks at the front that no cursor needs; the last one may still be filled."""
    cdef chunk_t *chunk
    while content.first != NULL and content.first.readers == 0 and content.first != content.last:
        chunk = content.first
        content.first = chunk.next
        content.held -= chunk.size
        _free_chunk(content.forwarder, chunk)
    if content.blocked and content.held < Q2_LOWER:
        content.blocked = False
        if content.arrival != NULL and content.arrival.link != NULL:
            content.arrival.link.ops.resume(content.arrival)


cdef void content_retain(content_t *content) noexcept nogil:
    """One more reader of every chunk, which never moves."""
    cdef chunk_t *chunk = content.first
    content.retained = True
    content.cursors += 1
    while chunk != NULL:
        chunk.readers += 1
        chunk = chunk.next


cdef void content_release_front(content_t *content) noexcept nogil:
    cdef chunk_t *chunk = content.first
    if not content.retained:
        return
    content.retained = False
    content.cursors -= 1
    while chunk != NULL:
        chunk.readers -= 1
        chunk = chunk.next
    _reclaim(content)


cdef void cursor_close(copy_t *copy) noexcept nogil:
    cdef chunk_t *chunk = copy.chunk
    if not copy.reading:
        return
    copy.reading = False
    copy.content.cursors -= 1
    copy.chunk = NULL
    while chunk != NULL:
        chunk.readers -= 1
        chunk = chunk.next
    if copy.content.cursors == 0 and not copy.content.complete:
        content_discard(copy.content)       # nobody is left to read what is still to come
        return
    _reclaim(copy.content)


cdef void cursor_cancel(copy_t *copy) noexcept nogil:
    """Close a cursor that has not moved, and keep the content for others to come."""
    cdef chunk_t *chunk = copy.chunk
    copy.reading = False
    copy.content.cursors -= 1
    copy.chunk = NULL
    while chunk != NULL:
        chunk.readers -= 1
        chunk = chunk.next


cdef size_t cursor_peek(copy_t *copy, const uint8_t **data) noexcept nogil:
    cdef chunk_t *chunk = copy.chunk
    if chunk == NULL:                       # opened on empty content, or discarded
        return 0
    if copy.offset == chunk.size and chunk.next != NULL:
        copy.chunk = chunk.next
        copy.offset = 0
        chunk.readers -= 1
        _reclaim(copy.content)
        chunk = copy.chunk
    data[0] = chunk.data + copy.offset
    return chunk.size - copy.offset


cdef void cursor_pass(copy_t *copy, size_t length) noexcept nogil:
    copy.offset += length


cdef void content_free_cache(forwarder_t *forwarder) noexcept nogil:
    """Give every kept chunk and content back to the system."""
    cdef content_t *content
    cdef chunk_t *chunk
    while forwarder.free_small != NULL:
        chunk = forwarder.free_small
        forwarder.free_small = chunk.next
        free(chunk)
    while forwarder.free_large != NULL:
        chunk = forwarder.free_large
        forwarder.free_large = chunk.next
        free(chunk)
    while forwarder.free_contents != NULL:
        content = forwarder.free_contents
        forwarder.free_contents = <content_t *>content.first
        free(content)
