"""Entries by address, remote routers by index, neighbors by slot: written by control, read per delivery.

Addresses become keys as the specification says (routing-protocol §3): a class letter and a text. The pure twin that
control uses is `router/core/address.py`; a test holds the two together.
"""

from libc.stdint cimport uint8_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memchr, memcmp, memcpy, memmove

from skrouter.amqp.engine.poller cimport HANDLE_ENTRY, engine_forget, engine_name


# --- addresses

cdef struct text_t:
    const char *at
    size_t length


cdef bint _starts(text_t text, const char *prefix, size_t length) noexcept nogil:
    return text.length >= length and memcmp(text.at, prefix, length) == 0


cdef text_t _behind(text_t text, size_t length) noexcept nogil:
    text.at += length
    text.length -= length
    return text


cdef text_t _strip(const char *at, size_t length) noexcept nogil:
    """Without `scheme://host/`, `scheme:/` or a leading `/`, and without one trailing separator."""
    cdef text_t text
    cdef const char *colon
    cdef const char *slash
    text.at = at
    text.length = length
    colon = <const char *>memchr(at, c":", length)
    slash = <const char *>memchr(at, c"/", length)
    if slash == at:
        text = _behind(text, 1)
    elif colon != NULL and slash == colon + 1:
        text = _behind(text, slash + 1 - at)
        if text.length and text.at[0] == c"/":
            slash = <const char *>memchr(text.at + 1, c"/", text.length - 1)
            text = _behind(text, text.length if slash == NULL else <size_t>(slash + 1 - text.at))
    if text.length and (text.at[text.length - 1] == c"." or text.at[text.length - 1] == c"/"):
        text.length -= 1
    return text


cdef text_t _element(text_t *text) noexcept nogil:
    """Take the part before the next slash."""
    cdef const char *slash = <const char *>memchr(text.at, c"/", text.length)
    cdef text_t element = text[0]
    if slash == NULL:
        text[0] = _behind(text[0], text.length)
    else:
        element.length = slash - text.at
        text[0] = _behind(text[0], element.length + 1)
    return element


cdef bint _is(text_t text, const char *other, size_t length) noexcept nogil:
    return text.length == length and memcmp(text.at, other, length) == 0


cdef size_t _key(char *key, char letter, text_t text) noexcept nogil:
    if text.length == 0 or text.length >= KEY_LIMIT:
        return 0
    key[0] = letter
    memcpy(key + 1, text.at, text.length)
    return text.length + 1


cdef size_t _edge_default(char *key) noexcept nogil:
    memcpy(key, b"L_edge", 6)
    return 6


cdef size_t _topological(forwarder_t *forwarder, text_t text, char *key) noexcept nogil:
    """Behind `_topo/`."""
    cdef text_t area = _element(&text)
    cdef text_t router
    if not _is(area, b"0", 1) and not _is(area, b"all", 3):
        return _key(key, c"A", area) if forwarder.interior else _edge_default(key)
    router = _element(&text)
    if _is(router, b"all", 3):
        return _key(key, c"T", text)
    if _is(router, forwarder.id, forwarder.id_length):
        return _key(key, c"L", text)
    return _key(key, c"R", router) if forwarder.interior else _edge_default(key)


cdef size_t _edge(forwarder_t *forwarder, text_t text, char *key) noexcept nogil:
    """Behind `_edge/`. An edge router has entries for those that it is connected to, and its uplink for others."""
    cdef text_t router = _element(&text)
    cdef size_t length
    if _is(router, forwarder.id, forwarder.id_length):
        return _key(key, c"L", text)
    length = _key(key, c"H", router)
    if forwarder.interior or (length and find_key(forwarder, key, length) != NULL):
        return length
    return _edge_default(key)


cdef bint _is_foreign(forwarder_t *forwarder, text_t network) noexcept nogil:
    """Whether an address is in another network; without an id of our own there is none."""
    if not forwarder.network_length or _is(network, b"0", 1):
        return False
    if forwarder.former_network_length and _is(network, forwarder.former_network, forwarder.former_network_length):
        return False
    return not _is(network, forwarder.network, forwarder.network_length)


cdef size_t address_key(forwarder_t *forwarder, const char *text, size_t length, char *key) noexcept nogil:
    cdef text_t rest = _strip(text, length)
    cdef text_t network
    cdef bint to_router
    if _starts(rest, b"_local/", 7):
        return _key(key, c"L", _behind(rest, 7))
    if _starts(rest, b"_topo/", 6):
        return _topological(forwarder, _behind(rest, 6), key)
    if _starts(rest, b"_edge/", 6):
        return _edge(forwarder, _behind(rest, 6), key)
    to_router = _starts(rest, b"_xtopo/", 7)
    if not to_router and not _starts(rest, b"_xedge/", 7):
        return _key(key, c"M", rest)
    rest = _behind(rest, 7)
    network = _element(&rest)
    if _is_foreign(forwarder, network):
        return _key(key, c"N", network) if forwarder.interior else _edge_default(key)
    return _topological(forwarder, rest, key) if to_router else _edge(forwarder, rest, key)


# --- entries: a hash table of chains

cdef uint64_t _hash(const char *key, size_t length) noexcept nogil:
    cdef uint64_t value = 14695981039346656037ULL
    cdef size_t i
    for i in range(length):
        value = (value ^ <uint8_t>key[i]) * 1099511628211ULL
    return value ^ (value >> 29)


cdef entry_t *find_key(forwarder_t *forwarder, const char *key, size_t length) noexcept nogil:
    cdef uint64_t value = _hash(key, length)
    cdef entry_t *entry
    if forwarder.bucket_count == 0:
        return NULL
    entry = forwarder.buckets[value & (forwarder.bucket_count - 1)]
    while entry != NULL:
        if entry.hash == value and entry.key_length == length and memcmp(entry.key, key, length) == 0:
            return entry
        entry = entry.chain
    return NULL


cdef entry_t *find_address(forwarder_t *forwarder, const char *text, size_t length) noexcept nogil:
    cdef char key[KEY_LIMIT]
    cdef size_t size = address_key(forwarder, text, length, key)
    return find_key(forwarder, key, size) if size else NULL


cdef bint _grow(forwarder_t *forwarder) noexcept nogil:
    """Twice as many buckets; the chains are spread anew."""
    cdef uint32_t count = forwarder.bucket_count * 2 if forwarder.bucket_count else 64
    cdef entry_t **buckets = <entry_t **>calloc(count, sizeof(entry_t *))
    cdef entry_t *entry
    cdef entry_t *following
    cdef uint32_t i
    if buckets == NULL:
        return False
    for i in range(forwarder.bucket_count):
        entry = forwarder.buckets[i]
        while entry != NULL:
            following = entry.chain
            entry.chain = buckets[entry.hash & (count - 1)]
            buckets[entry.hash & (count - 1)] = entry
            entry = following
    free(forwarder.buckets)
    forwarder.buckets = buckets
    forwarder.bucket_count = count
    return True


cdef entry_t *entry_add(forwarder_t *forwarder, const char *key, size_t length, treatment_kind treatment) noexcept nogil:
    cdef entry_t *entry
    cdef entry_t **bucket
    if length == 0 or find_key(forwarder, key, length) != NULL:
        return NULL
    if forwarder.entry_count >= forwarder.bucket_count and not _grow(forwarder):
        return NULL
    entry = <entry_t *>calloc(1, sizeof(entry_t))
    if entry == NULL:
        return NULL
    entry.key = <char *>malloc(length + 1)
    if entry.key == NULL:
        free(entry)
        return NULL
    memcpy(entry.key, key, length)
    entry.key[length] = 0
    entry.key_length = length
    entry.hash = _hash(key, length)
    entry.treatment = treatment
    entry.priority = -1
    entry.uplink = length == 6 and memcmp(key, b"L_edge", 6) == 0
    entry.handle = engine_name(forwarder.engine, HANDLE_ENTRY, entry)
    bucket = &forwarder.buckets[entry.hash & (forwarder.bucket_count - 1)]
    entry.chain = bucket[0]
    bucket[0] = entry
    forwarder.entry_count += 1
    forwarder.heap.entries += 1
    return entry


cdef void entry_remove(forwarder_t *forwarder, entry_t *entry) noexcept nogil:
    """Forget an entry. Its consumers' links must have been dropped or moved; copies know it by handle only."""
    cdef entry_t **place = &forwarder.buckets[entry.hash & (forwarder.bucket_count - 1)]
    while place[0] != entry:
        place = &place[0].chain
    place[0] = entry.chain
    forwarder.entry_count -= 1
    engine_forget(forwarder.engine, entry.handle)
    free(entry.key)
    free(entry.consumers)
    free(entry.routers)
    free(entry.outstanding)
    free(entry)


cdef bint entry_add_consumer(entry_t *entry, link_t *link) noexcept nogil:
    cdef link_t **grown = <link_t **>realloc(entry.consumers, (entry.consumer_count + 1) * sizeof(link_t *))
    if grown == NULL:
        return False
    grown[entry.consumer_count] = link
    entry.consumers = grown
    entry.consumer_count += 1
    link.entry = entry
    return True


cdef void entry_drop_consumer(entry_t *entry, link_t *link) noexcept nogil:
    cdef uint32_t i
    for i in range(entry.consumer_count):
        if entry.consumers[i] == link:
            entry.consumer_count -= 1
            memmove(&entry.consumers[i], &entry.consumers[i + 1], (entry.consumer_count - i) * sizeof(link_t *))
            break
    link.entry = NULL


# --- routers

cdef uint32_t router_index(forwarder_t *forwarder, const char *node, size_t length) noexcept nogil:
    """By the router's own entry: control publishes `R<id>` for every router that it knows."""
    cdef char key[KEY_LIMIT]
    cdef entry_t *entry
    if length < 3 or length >= KEY_LIMIT or memcmp(node, b"0/", 2) != 0:
        return 0
    key[0] = c"R"
    memcpy(key + 1, node + 2, length - 2)
    entry = find_key(forwarder, key, length - 1)
    return entry.routers[0] if entry != NULL and entry.router_count else 0
