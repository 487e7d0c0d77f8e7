"""Links for streams between routers: the pool of a connection, and the channels of addresses (see channels.pyx).

A streaming delivery takes an idle link, or waits while control is asked to attach another one.
"""

from skrouter.amqp.engine.poller cimport engine_post
from skrouter.amqp.engine.proton_api cimport PN_RELEASED
from skrouter.amqp.engine.model cimport connection_t
from skrouter.router.forwarder.channels cimport channel_free, channel_is_open, channel_leave_link
from skrouter.router.forwarder.copies cimport copy_enqueue, copy_join
from skrouter.router.forwarder.model cimport (
    channel_t,
    copy_t,
    link_t,
    links_t,
    neighbor_t,
    outcome_t,
    queue_t,
)
from skrouter.router.forwarder.queues cimport queue_append, queue_remove
from skrouter.router.forwarder.settlement cimport copy_outcome, plain_outcome

cdef enum event_number:         # positions in skrouter.amqp.events.EVENTS
    STREAMING_LINK_WANTED = 10


cdef links_t *streaming_connection(neighbor_t *neighbor) noexcept nogil:
    """Streams take turns over the data connections; without any they share the control connection."""
    cdef connection_t *connection = neighbor.control
    if neighbor.data_count:
        connection = neighbor.data[neighbor.data_turn % neighbor.data_count]
        neighbor.data_turn += 1
    return <links_t *>connection.links


cdef void _wait(copy_t *copy, queue_t *queue) noexcept nogil:
    copy.waits_in = queue
    queue_append(&queue.first, &queue.last, copy)


cdef copy_t *_first_waiting(queue_t *queue) noexcept nogil:
    """Take the first out of a queue, NULL if it is empty."""
    cdef copy_t *copy = queue.first
    if copy != NULL:
        queue_remove(&queue.first, &queue.last, copy)
        copy.waits_in = NULL
    return copy


cdef void _take_back(channel_t *channel) noexcept nogil:
    """What waits at the connection for the channel's link is the first that waits here again."""
    cdef queue_t *queue = &channel.links.waiting
    cdef copy_t *copy = queue.first
    channel.asked = False
    while copy != NULL and copy.channel != channel:
        copy = copy.next
    if copy == NULL:
        return
    queue_remove(&queue.first, &queue.last, copy)
    copy.channel = NULL
    copy.waits_in = &channel.waiting
    copy.next = channel.waiting.first
    if copy.next != NULL:
        copy.next.previous = copy
    else:
        channel.waiting.last = copy
    channel.waiting.first = copy


cdef link_t *_idle_link(links_t *links) noexcept nogil:
    cdef link_t *link = links.idle
    if link != NULL:
        links.idle = link.next_idle
        link.idle = False
    return link


cdef void place_stream(links_t *links, copy_t *copy) noexcept nogil:
    """Onto an idle streaming link, or behind the others that wait for one."""
    cdef link_t *link = _idle_link(links)
    if link != NULL:
        copy_join(copy, link)
        return
    _wait(copy, &links.waiting)
    _ask_for_link(links)


cdef void _ask_for_link(links_t *links) noexcept nogil:
    links.wanted += 1
    with gil:
        engine_post(links.forwarder.engine, (STREAMING_LINK_WANTED, links.connection.handle))


cdef void offer_streaming_link(links_t *links, link_t *link) noexcept nogil:
    cdef copy_t *copy = _first_waiting(&links.waiting)
    if copy == NULL:
        link.idle = True
        link.next_idle = links.idle
        links.idle = link
        return
    if copy.channel != NULL:
        _bind_channel(copy.channel, link, copy)
    else:
        copy_enqueue(copy, link)


cdef void place_in_channel(copy_t *copy, channel_t *channel) noexcept nogil:
    """Behind all that went this way before."""
    if channel.link != NULL:
        copy_join(copy, channel.link)
        return
    _wait(copy, &channel.waiting)
    if channel.open:
        channel_start(channel)


cdef void channel_start(channel_t *channel) noexcept nogil:
    cdef copy_t *copy
    cdef link_t *link
    if channel.link != NULL or channel.asked or channel.waiting.first == NULL:
        return
    if channel.links == NULL:
        channel.links = streaming_connection(&channel.forwarder.neighbors[channel.neighbor])
    copy = _first_waiting(&channel.waiting)
    link = _idle_link(channel.links)
    if link != NULL:
        _bind_channel(channel, link, copy)
        return
    channel.asked = True
    copy.channel = channel
    _wait(copy, &channel.links.waiting)
    _ask_for_link(channel.links)


cdef void _bind_channel(channel_t *channel, link_t *link, copy_t *copy) noexcept nogil:
    """The channel has its link: everything that waits goes onto it, in order."""
    channel.asked = False
    channel.link = link
    link.channel = channel
    while copy != NULL:
        copy.channel = NULL
        copy_join(copy, link)
        copy = _first_waiting(&channel.waiting)
    link.ops.push(link)


cdef void channel_move(channel_t *channel) noexcept nogil:
    """Go on over another connection, behind what is under way on the present one."""
    cdef links_t *links = channel.links
    cdef link_t *link = channel.link
    if channel.asked:
        _take_back(channel)
    channel_leave_link(channel)
    if link != NULL and link.first == NULL:
        offer_streaming_link(links, link)
    if channel_is_open(channel):
        channel_start(channel)


cdef void channel_close(channel_t *channel) noexcept nogil:
    """No deliveries will come this way any more: what waits is released, the link goes back to its pool."""
    cdef outcome_t outcome
    cdef copy_t *copy
    cdef copy_t *following
    cdef link_t *link = channel.link
    if channel.asked:
        copy = channel.links.waiting.first
        while copy != NULL:
            following = copy.next
            if copy.channel == channel:
                copy.channel = NULL
                outcome = plain_outcome(PN_RELEASED)
                copy_outcome(copy, &outcome, True)
            copy = following
    while channel.waiting.first != NULL:
        outcome = plain_outcome(PN_RELEASED)
        copy_outcome(channel.waiting.first, &outcome, True)
    if link != NULL:
        link.channel = NULL
        if link.first == NULL and link.pn != NULL:
            offer_streaming_link(channel.links, link)
    channel_free(channel)
