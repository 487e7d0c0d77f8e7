"""Policy for messages (spec: router-config.md §9): their size, the user they name, the address they name themselves.

Which addresses are allowed are rules that only control knows. It is asked once for an address, and its answer is kept: the
rules of a connection never change. The table is small and an answer gives way to another one in its place, so a peer that
names ever new addresses costs a call for each, and no memory.
"""

from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcmp, memcpy

from skrouter.amqp.engine.poller cimport engine_post
from skrouter.router.forwarder.model cimport content_t, judgment_t, links_t, slice_t

cdef enum event_number:         # positions in skrouter.amqp.events.EVENTS
    MESSAGE_TOO_LARGE = 14

cdef enum:
    JUDGMENTS = 64              # a power of two
    LONGEST = 255               # octets of an address that is remembered


cdef limits_t *limits_new(uint64_t max_message_size, const char *user, uint32_t user_length, bint checks_targets) noexcept nogil:
    cdef limits_t *limits = <limits_t *>calloc(1, sizeof(limits_t))
    if limits == NULL:
        return NULL
    limits.max_message_size = max_message_size
    limits.checks_targets = checks_targets
    limits.checks_user = user != NULL
    if user != NULL:
        limits.user = <char *>malloc(user_length + 1)
        if limits.user == NULL:
            free(limits)
            return NULL
        memcpy(limits.user, user, user_length)
        limits.user_length = user_length
    return limits


cdef void limits_free(limits_t *limits) noexcept nogil:
    cdef int i
    if limits == NULL:
        return
    if limits.judgments != NULL:
        for i in range(JUDGMENTS):
            free(limits.judgments[i].address)
    free(limits.judgments)
    free(limits.user)
    free(limits)


cdef limits_t *_limits_of(const link_t *link) noexcept nogil:
    if link == NULL or link.connection == NULL:
        return NULL
    return (<links_t *>link.connection.links).limits


cdef bint limits_too_large(const arrival_t *arrival) noexcept nogil:
    cdef limits_t *limits = _limits_of(arrival.link)
    return limits != NULL and limits.max_message_size != 0 and arrival.content.length > limits.max_message_size


cdef void limits_exceeded(link_t *link) noexcept nogil:
    link.accepted = False
    link.withheld = True                    # no credit for what is thrown away
    _limits_of(link).exceeded = link.handle
    if link.connection.closing:
        return
    with gil:
        engine_post(link.forwarder.engine, (MESSAGE_TOO_LARGE, link.connection.handle, link.handle))


cdef const char *limits_violation(arrival_t *arrival) noexcept nogil:
    cdef limits_t *limits = _limits_of(arrival.link)
    if limits == NULL:
        return NULL
    if limits.checks_user and not _user_fits(arrival.content, limits):
        return b"user_id proxy violation"
    if limits.checks_targets and not _target_allowed(arrival, limits):
        return b"policy violation on target"
    return NULL


cdef bint _user_fits(const content_t *content, const limits_t *limits) noexcept nogil:
    """The user is not named, or is the connection's. Where the head cannot be read somebody else might read one in it."""
    cdef const slice_t *user = &content.head.user
    if content.first == NULL:
        return True
    if not content.head.certain:
        return False
    if not user.present or user.length == 0:
        return True
    return user.length == limits.user_length and memcmp(content.first.data + user.start, limits.user, user.length) == 0


cdef bint _target_allowed(const arrival_t *arrival, limits_t *limits) noexcept nogil:
    """Where the message itself says where to go; otherwise its link's address has been judged."""
    cdef const content_t *content = arrival.content
    cdef const slice_t *text = &content.head.to_override
    if not text.present:
        if arrival.link.entry != NULL:
            return True
        text = &content.head.to
    if not text.present or text.length == 0:
        return True                         # it goes nowhere
    return _judged(arrival.link, limits, <const char *>content.first.data + text.start, text.length)


cdef bint _judged(const link_t *link, limits_t *limits, const char *address, uint32_t length) noexcept nogil:
    cdef judgment_t *place
    if limits.judgments == NULL:
        limits.judgments = <judgment_t *>calloc(JUDGMENTS, sizeof(judgment_t))
    if limits.judgments == NULL or length > LONGEST:
        return _ask(link, address, length)
    place = &limits.judgments[_hash(address, length) & (JUDGMENTS - 1)]
    if place.address == NULL or place.length != length or memcmp(place.address, address, length) != 0:
        _remember(place, address, length, _ask(link, address, length))
        return place.allowed
    return place.allowed


cdef void _remember(judgment_t *place, const char *address, uint32_t length, bint allowed) noexcept nogil:
    free(place.address)
    place.allowed = allowed
    place.length = length
    place.address = <char *>malloc(length)  # without memory the place is free, and its answer counts this once
    if place.address != NULL:
        memcpy(place.address, address, length)


cdef uint32_t _hash(const char *text, uint32_t length) noexcept nogil:
    cdef uint32_t value = 2166136261
    cdef uint32_t i
    for i in range(length):
        value = (value ^ <unsigned char>text[i]) * 16777619
    return value


cdef bint _ask(const link_t *link, const char *address, uint32_t length) noexcept nogil:
    """What cannot be asked is not allowed."""
    cdef bint allowed = False
    if link.forwarder.is_allowed == NULL:
        return False
    with gil:
        text = (<char *>address)[:length].decode("utf-8", "replace")
        allowed = (<object>link.forwarder.is_allowed)(link.connection.handle, text)
    return allowed
