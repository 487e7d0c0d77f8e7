"""Order between small and large messages to one address.

Complete messages take the priority link of their next hop; a message that outgrows Q2 must not, or one slow receiver would
hold up everybody else there. On a link of its own, though, it could overtake, or be overtaken by, what the same sender sends
before and after. So the first such message opens a channel: from then on all deliveries to this address through this
neighbor take one streaming link that is theirs alone, in order. The channel begins only when the neighbor has forwarded what
went before on the priority links. A router gives credit back for a delivery when it has forwarded it (spec: routing-protocol
§2), so the credit on a link tells how much of what was sent has got that far: the fence needs no message of its own.

When another connection takes the neighbor's place, channels move to it in the same way: behind what went before.
"""

from libc.stdint cimport uint64_t
from libc.stdlib cimport calloc, free

from skrouter.amqp.engine.proton_api cimport pn_link_credit
from skrouter.router.forwarder.model cimport FENCES, PRIORITIES, neighbor_t


cdef channel_t *channel_of(entry_t *entry, int neighbor) noexcept nogil:
    cdef channel_t *channel = entry.channels
    while channel != NULL and channel.neighbor != neighbor:
        channel = channel.next
    return channel


cdef channel_t *channel_new(forwarder_t *forwarder, entry_t *entry, int neighbor) noexcept nogil:
    cdef channel_t *channel = <channel_t *>calloc(1, sizeof(channel_t))
    cdef neighbor_t *hop = &forwarder.neighbors[neighbor]
    cdef int priority
    if channel == NULL:
        return NULL
    channel.forwarder = forwarder
    channel.entry = entry
    channel.neighbor = neighbor
    for priority in range(PRIORITIES):
        _fence(channel, priority, hop.priority_links[priority])
    channel.next = entry.channels
    entry.channels = channel
    channel.next_of_neighbor = hop.channels
    hop.channels = channel
    channel_is_open(channel)
    return channel


cdef void _fence(channel_t *channel, int place, link_t *link) noexcept nogil:
    """What goes through the channel goes behind all that is on this link now."""
    channel.fenced[place] = link
    if link != NULL:
        channel.fences[place] = link.dealt_with + link.undelivered_count


cdef void channel_leave_link(channel_t *channel) noexcept nogil:
    """Take another link, and connection, once what is on the present one has been forwarded."""
    cdef link_t *link = channel.link
    channel.links = NULL
    if link == NULL:
        return
    channel.link = NULL
    link.channel = NULL
    _fence(channel, FENCES - 1, link)
    channel.open = False


cdef void channel_forget_link(channel_t *channel, const link_t *link) noexcept nogil:
    """The link is gone, and with it what had to be waited for."""
    cdef int place
    if channel.link == link:
        channel.link = NULL
    for place in range(FENCES):
        if channel.fenced[place] == link:
            channel.fenced[place] = NULL


cdef uint64_t _forwarded(const link_t *link) noexcept nogil:
    """How many of the deliveries on a link its receiver has dealt with: sent, less those whose credit is still missing."""
    cdef int missing = link.peer_credit - pn_link_credit(link.pn)
    if missing <= 0:
        return link.dealt_with
    return link.dealt_with - missing if link.dealt_with > <uint64_t>missing else 0


cdef bint channel_is_open(channel_t *channel) noexcept nogil:
    cdef int place
    if channel.open:
        return True
    for place in range(FENCES):
        if channel.fenced[place] != NULL and _forwarded(channel.fenced[place]) < channel.fences[place]:
            return False
    for place in range(FENCES):
        channel.fenced[place] = NULL
    channel.open = True
    return True


cdef void _leave_neighbor(neighbor_t *hop, channel_t *channel) noexcept nogil:
    cdef channel_t **place = &hop.channels
    while place[0] != NULL and place[0] != channel:
        place = &place[0].next_of_neighbor
    if place[0] != NULL:
        place[0] = channel.next_of_neighbor


cdef void channel_free(channel_t *channel) noexcept nogil:
    cdef channel_t **place = &channel.entry.channels
    while place[0] != channel:
        place = &place[0].next
    place[0] = channel.next
    _leave_neighbor(&channel.forwarder.neighbors[channel.neighbor], channel)
    free(channel)
