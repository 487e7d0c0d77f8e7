"""A delivery from its first octet to its copies: arrival, routing, queues, streams (spec: routing-protocol §5).

    octets -> arrival_append -> arrival_advance -> head known? -> route -> treatment -> copies on links -> ops.push

A message goes out when it is complete; or while it still arrives, if it is marked as streaming or has outgrown Q2. Between
routers a complete message takes the link of its priority and a stream takes a link of its own from the connection's pool.
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.stdlib cimport malloc, realloc
from libc.string cimport memset

from skrouter.amqp.engine.poller cimport engine_post
from skrouter.amqp.engine.proton_api cimport PN_ACCEPTED, PN_REJECTED, PN_RELEASED
from skrouter.amqp.engine.pump cimport connection_t
from skrouter.router.forwarder.channels cimport channel_free, channel_new, channel_of
from skrouter.router.forwarder.content cimport (
    content_append,
    content_discard,
    content_new,
    content_release,
    cursor_cancel,
    cursor_close,
    cursor_open,
    cursor_pass,
    cursor_peek,
)
from skrouter.router.forwarder.model cimport (
    FLAG_DISABLE_Q2,
    FLAG_STREAMING,
    HEAD_LIMIT,
    LINK_ADAPTOR,
    LINK_CONTROL,
    LINK_ENDPOINT,
    LINK_PROCESS,
    LINK_STREAMING,
    NO_NEIGHBOR,
    TREATMENT_CLOSEST,
    TREATMENT_FLOOD,
    TREATMENT_MULTICAST,
    TREATMENT_UNAVAILABLE,
    channel_t,
    content_t,
    entry_t,
    neighbor_t,
    outcome_t,
    queue_t,
    slice_t,
)
from skrouter.router.forwarder.sections cimport HEAD_DONE, HEAD_INVALID, HEAD_MORE, head_result, read_head
from skrouter.router.forwarder.settlement cimport (
    arrival_check,
    arrival_finish,
    arrival_free,
    copy_free,
    copy_outcome,
    failed_outcome,
    plain_outcome,
    rejection,
)
from skrouter.router.forwarder.tables cimport find_address
from skrouter.router.forwarder.treatments cimport (
    choice_t,
    choose_balanced,
    choose_closest,
    choose_neighbors,
    is_loop,
    priority_link,
)

cdef enum event_number:         # positions in skrouter.amqp.events.EVENTS
    STREAMING_LINK_WANTED = 10


# --- arrivals

cdef arrival_t *arrival_new(forwarder_t *forwarder, link_t *link, bint presettled) noexcept nogil:
    cdef arrival_t *arrival = forwarder.free_arrivals
    if arrival != NULL:
        forwarder.free_arrivals = arrival.next
    else:
        arrival = <arrival_t *>malloc(sizeof(arrival_t))
        if arrival == NULL:
            return NULL
    memset(arrival, 0, sizeof(arrival_t))
    arrival.content = content_new(forwarder)
    if arrival.content == NULL:
        arrival.next = forwarder.free_arrivals
        forwarder.free_arrivals = arrival
        return NULL
    arrival.content.arrival = arrival
    arrival.presettled = presettled
    forwarder.metrics.arrivals_live += 1
    if link == NULL:
        return arrival
    arrival.link = link
    arrival.next = link.arrivals
    if link.arrivals != NULL:
        link.arrivals.previous = arrival
    link.arrivals = arrival
    link.delivery_count += 1
    if presettled:
        link.presettled_count += 1
    return arrival


cdef bint arrival_append(arrival_t *arrival, const uint8_t *data, size_t length) noexcept nogil:
    return content_append(arrival.content, data, length)


cdef void arrival_advance(arrival_t *arrival, bint complete) noexcept nogil:
    cdef copy_t *copy
    cdef copy_t *following
    if complete:
        arrival.content.complete = True
    if not arrival.routed:
        if _may_route(arrival):
            _route(arrival)
        return
    if arrival.settle_due:
        if complete:
            _settle_late(arrival)
        return
    copy = arrival.copies
    while copy != NULL:                     # a push may end its copy, and with the last one the arrival
        following = copy.sibling
        if copy.link != NULL:
            copy.link.ops.push(copy.link)
        copy = following


cdef void _settle_late(arrival_t *arrival) noexcept nogil:
    """The sender knows its outcome already and waits only for settlement."""
    if arrival.link == NULL or arrival.presettled or arrival.sender_settled:
        arrival_free(arrival)
    else:
        arrival.link.ops.outcome(arrival, NULL, True)


cdef bint _may_route(arrival_t *arrival) noexcept nogil:
    """Whether the head is known, and the message complete or streaming."""
    cdef content_t *content = arrival.content
    arrival_parse(arrival)
    if not content.parsed:
        return False
    return content.complete or content.head.flags & FLAG_STREAMING or content.blocked


cdef void arrival_parse(arrival_t *arrival) noexcept nogil:
    """Read the head if it is here. One that is unreadable, or cut short by the end, counts as known: see _route."""
    cdef content_t *content = arrival.content
    cdef head_result result
    if content.parsed:
        return
    if content.first == NULL:
        content.parsed = content.complete
        return
    result = read_head(content.first.data, content.first.size,
                       arrival.link != NULL and arrival.link.annotated, &content.head)
    if result == HEAD_MORE and not content.complete and content.first.size < HEAD_LIMIT:
        return
    content.parsed = True
    content.invalid = result == HEAD_INVALID
    if content.head.flags & FLAG_DISABLE_Q2:
        content.unlimited = True
        if content.blocked:
            content.blocked = False
            arrival.link.ops.resume(arrival)


# --- routing

cdef entry_t *_entry_of(arrival_t *arrival, bint *addressed) noexcept nogil:
    """Where the delivery wants to go: its link's address; on an anonymous link to-override, else `to`."""
    cdef content_t *content = arrival.content
    cdef slice_t *text = &content.head.to_override
    addressed[0] = True
    if arrival.link != NULL and arrival.link.entry != NULL:
        return arrival.link.entry
    if not text.present:
        text = &content.head.to
    if not text.present or text.length == 0:
        addressed[0] = False
        return NULL
    return find_address(content.forwarder, <const char *>content.first.data + text.start, text.length)


cdef void _refuse(arrival_t *arrival, outcome_t outcome) noexcept nogil:
    """The delivery goes nowhere: tell its sender; what nobody waits for is counted as dropped."""
    cdef forwarder_t *forwarder = arrival.content.forwarder
    if arrival.presettled:
        forwarder.metrics.dropped_presettled_deliveries += 1
        if arrival.link != NULL:
            arrival.link.dropped_presettled_count += 1
    elif outcome.state == PN_RELEASED:
        forwarder.metrics.released_deliveries += 1
    else:
        forwarder.metrics.rejected_deliveries += 1
    arrival_finish(arrival, &outcome)


cdef void _route(arrival_t *arrival) noexcept nogil:
    """Decide once where this delivery goes. The arrival may be gone afterwards."""
    cdef forwarder_t *forwarder = arrival.content.forwarder
    cdef link_t *link = arrival.link
    cdef bint addressed = False
    cdef entry_t *entry
    arrival.routed = True
    if link != NULL and link.replenish_early:
        link.ops.credit(link)
    if arrival.content.invalid and link != NULL and link.strict:
        _refuse(arrival, rejection(b"amqp:invalid-field", b"Invalid router annotations"))
        return
    entry = _entry_of(arrival, &addressed)
    _count_origin(arrival, entry)
    if not addressed:
        _refuse(arrival, rejection(b"amqp:precondition-failed", b"Routing failure: no address present"))
    elif is_loop(forwarder, arrival) or _is_astray(arrival):
        _refuse(arrival, plain_outcome(PN_RELEASED))
    elif entry == NULL:
        _refuse_unknown(arrival)
    elif entry.treatment == TREATMENT_UNAVAILABLE:
        _refuse_unavailable(arrival)
    elif entry.control_only and link != NULL and link.kind != LINK_CONTROL and link.kind != LINK_PROCESS:
        _refuse(arrival, plain_outcome(PN_RELEASED))
    elif entry.treatment == TREATMENT_FLOOD or entry.treatment == TREATMENT_MULTICAST:
        _multicast(arrival, entry)
    else:
        _anycast(arrival, entry)


cdef bint _is_astray(arrival_t *arrival) noexcept nogil:
    """More hops than to the farthest router. Control messages may: they travel while paths are still being learnt."""
    return arrival.content.head.trace_count > arrival.content.forwarder.radius + 1 and not _on_control(arrival)


cdef void _count_origin(arrival_t *arrival, entry_t *entry) noexcept nogil:
    cdef forwarder_t *forwarder = arrival.content.forwarder
    if arrival.presettled:
        forwarder.metrics.presettled_deliveries += 1
    if arrival.link == NULL or not _is_local(arrival.link):
        if entry != NULL and (arrival.link == NULL or arrival.link.kind == LINK_PROCESS):
            entry.deliveries_from_container += 1
        return
    forwarder.metrics.deliveries_ingress += 1
    if entry != NULL:
        entry.deliveries_ingress += 1


cdef bint _is_local(const link_t *link) noexcept nogil:
    """Whether a client or a service of this router is at the other end."""
    return link.kind == LINK_ENDPOINT or link.kind == LINK_ADAPTOR


cdef bint _is_refused(arrival_t *arrival) noexcept nogil:
    """What control says of an address that nobody has; rules are patterns, which only control knows."""
    cdef content_t *content = arrival.content
    cdef slice_t *text = &content.head.to_override if content.head.to_override.present else &content.head.to
    cdef bint refused = False
    if content.forwarder.is_refused == NULL:
        return False
    with gil:
        address = (<char *>content.first.data)[text.start : text.start + text.length]
        refused = (<object>content.forwarder.is_refused)(address.decode("utf-8", "replace"))
    return refused


cdef void _refuse_unknown(arrival_t *arrival) noexcept nogil:
    if arrival.content.forwarder.default_unavailable or _is_refused(arrival):
        _refuse_unavailable(arrival)
    else:
        _refuse(arrival, plain_outcome(PN_RELEASED))


cdef void _refuse_unavailable(arrival_t *arrival) noexcept nogil:
    if arrival.link != NULL and arrival.link.kind == LINK_ENDPOINT:
        _refuse(arrival, rejection(b"amqp:not-found", b"Node not found"))
    else:
        _refuse(arrival, plain_outcome(PN_RELEASED))


cdef int _priority(arrival_t *arrival, entry_t *entry) noexcept nogil:
    return entry.priority if entry.priority >= 0 else arrival.content.head.priority


cdef bint _on_control(arrival_t *arrival) noexcept nogil:
    return arrival.control or (arrival.link != NULL and arrival.link.kind == LINK_CONTROL)


cdef void _anycast(arrival_t *arrival, entry_t *entry) noexcept nogil:
    cdef forwarder_t *forwarder = arrival.content.forwarder
    cdef choice_t choice
    cdef copy_t *copy = NULL
    if entry.treatment == TREATMENT_CLOSEST:
        choice = choose_closest(forwarder, entry, arrival)
    else:
        choice = choose_balanced(forwarder, entry, arrival, _priority(arrival, entry))
    if choice.link != NULL:
        copy = _copy_new(arrival)
        if copy != NULL:
            _count_egress(arrival, entry, choice.link)
            _enqueue(copy, choice.link)
            return
    elif choice.neighbor != NO_NEIGHBOR:
        copy = _copy_new(arrival)
        if copy != NULL and _send_to_neighbor(copy, arrival, entry, choice.neighbor):
            return
    if copy != NULL:
        _copy_undo(copy)
    _refuse(arrival, plain_outcome(PN_RELEASED))


cdef void _multicast(arrival_t *arrival, entry_t *entry) noexcept nogil:
    """A copy for each consumer here and for each next hop. They are all made before any is sent, so that none can end
    the arrival while the others are missing."""
    cdef forwarder_t *forwarder = arrival.content.forwarder
    cdef link_t *link
    cdef copy_t *copy
    cdef uint32_t i
    arrival.multicast = True
    choose_neighbors(forwarder, entry, arrival, entry.treatment == TREATMENT_FLOOD)
    arrival.open_copies = 1                 # held by this function
    for i in range(entry.consumer_count):
        link = entry.consumers[i]
        if link.annotated and arrival.link != NULL and link.connection == arrival.link.connection:
            continue
        if arrival.control and link.kind == LINK_PROCESS:
            continue                        # a router does not hear its own control messages
        copy = _copy_new(arrival)
        if copy != NULL:
            _count_egress(arrival, entry, link)
            _join(copy, link)
    for i in range(forwarder.neighbor_count):
        if forwarder.neighbors[i].chosen:
            copy = _copy_new(arrival)
            if copy != NULL and not _place_for_neighbor(copy, arrival, entry, i):
                _copy_undo(copy)
    arrival.open_copies -= 1
    if arrival.copies == NULL:
        arrival.multicast = False
        _refuse(arrival, plain_outcome(PN_RELEASED))
        return
    arrival_advance(arrival, arrival.content.complete)


cdef void _count_egress(arrival_t *arrival, entry_t *entry, link_t *link) noexcept nogil:
    if _is_local(link):
        arrival.content.forwarder.metrics.deliveries_egress += 1
        entry.deliveries_egress += 1
    elif link.kind == LINK_PROCESS:
        entry.deliveries_to_container += 1


# --- copies

cdef copy_t *_copy_new(arrival_t *arrival) noexcept nogil:
    """A copy that belongs to its arrival and to no link yet."""
    cdef forwarder_t *forwarder = arrival.content.forwarder
    cdef copy_t *copy = forwarder.free_copies
    if copy != NULL:
        forwarder.free_copies = copy.next
    else:
        copy = <copy_t *>malloc(sizeof(copy_t))
        if copy == NULL:
            return NULL
    memset(copy, 0, sizeof(copy_t))
    copy.forwarder = forwarder
    copy.arrival = arrival
    copy.presettled = arrival.presettled
    copy.settle_on_send = arrival.sender_settled
    copy.neighbor = NO_NEIGHBOR
    copy.arrived = forwarder.engine.now
    copy.content = arrival.content
    copy.content.references += 1
    cursor_open(copy)
    copy.sibling = arrival.copies
    arrival.copies = copy
    arrival.open_copies += 1
    arrival.unsettled_copies += 1
    forwarder.metrics.copies_live += 1
    return copy


cdef void _copy_undo(copy_t *copy) noexcept nogil:
    """Take back a copy that found no link. Its content stays as it is: another way may be tried."""
    cdef forwarder_t *forwarder = copy.forwarder
    cdef arrival_t *arrival = copy.arrival
    arrival.copies = copy.sibling           # it was the last one made
    arrival.open_copies -= 1
    arrival.unsettled_copies -= 1
    cursor_cancel(copy)
    content_release(copy.content)
    copy.next = forwarder.free_copies
    forwarder.free_copies = copy
    forwarder.metrics.copies_live -= 1


cdef void _join(copy_t *copy, link_t *link) noexcept nogil:
    """Into the link's queue. When pre-settled copies pile up behind a slow receiver, those that wait are dropped."""
    copy.link = link
    copy.next = NULL
    copy.previous = link.last
    if link.last != NULL:
        link.last.next = copy
    else:
        link.first = copy
    link.last = copy
    link.undelivered_count += 1
    link.delivery_count += 1
    if copy.presettled:
        link.presettled_count += 1
        if link.undelivered_count > link.capacity and link.capacity > 0:
            _drop_presettled(link, copy)


cdef void _drop_presettled(link_t *link, copy_t *newest) noexcept nogil:
    cdef copy_t *copy = link.first.next
    cdef copy_t *following
    while copy != NULL and copy != newest:
        following = copy.next
        if copy.presettled and not copy.started:
            _drop(copy)
        copy = following


cdef void _enqueue(copy_t *copy, link_t *link) noexcept nogil:
    _join(copy, link)
    link.ops.push(link)


cdef void copy_move(copy_t *copy, link_t *link) noexcept nogil:
    """To another link's queue; nothing of it has been sent yet."""
    cdef link_t *old = copy.link
    if copy.next != NULL:
        copy.next.previous = copy.previous
    else:
        old.last = copy.previous
    if copy.previous != NULL:
        copy.previous.next = copy.next
    else:
        old.first = copy.next
    old.undelivered_count -= 1
    _join(copy, link)


# --- next hops

cdef bint _track(copy_t *copy, entry_t *entry, int neighbor) noexcept nogil:
    """Count an unsettled copy as outstanding at its next hop."""
    cdef uint32_t *grown
    cdef uint32_t size = neighbor + 1
    if copy.presettled:
        return True
    if size > entry.outstanding_size:
        grown = <uint32_t *>realloc(entry.outstanding, size * sizeof(uint32_t))
        if grown == NULL:
            return False
        memset(grown + entry.outstanding_size, 0, (size - entry.outstanding_size) * sizeof(uint32_t))
        entry.outstanding = grown
        entry.outstanding_size = size
    entry.outstanding[neighbor] += 1
    copy.entry_handle = entry.handle
    copy.neighbor = neighbor
    return True


cdef bint _place_for_neighbor(copy_t *copy, arrival_t *arrival, entry_t *entry, int slot) noexcept nogil:
    """Queue a copy on the right link of a next hop, without pushing. False: it has none."""
    cdef forwarder_t *forwarder = copy.forwarder
    cdef neighbor_t *neighbor = &forwarder.neighbors[slot]
    cdef link_t *link = NULL
    cdef channel_t *channel
    if neighbor.control == NULL:
        return False
    if _on_control(arrival):
        link = neighbor.control_link
    else:
        channel = channel_of(entry, slot)
        if arrival.content.head.flags & FLAG_STREAMING and not arrival.content.complete:
            _track(copy, entry, slot)
            _place_stream(_streaming_connection(neighbor), copy)
            _count_transit(arrival, entry)
            return True
        if channel == NULL and not arrival.content.complete:
            channel = channel_new(forwarder, entry, slot)
        if channel != NULL:
            _track(copy, entry, slot)
            _place_in_channel(copy, channel)
            _count_transit(arrival, entry)
            return True
        link = priority_link(forwarder, slot, _priority(arrival, entry))
    if link == NULL:
        return False
    _track(copy, entry, slot)
    _join(copy, link)
    _count_transit(arrival, entry)
    return True


cdef bint _send_to_neighbor(copy_t *copy, arrival_t *arrival, entry_t *entry, int slot) noexcept nogil:
    if not _place_for_neighbor(copy, arrival, entry, slot):
        return False
    if copy.link != NULL:
        copy.link.ops.push(copy.link)
    return True


cdef void _count_transit(arrival_t *arrival, entry_t *entry) noexcept nogil:
    if arrival.link != NULL and arrival.link.annotated:
        entry.deliveries_transit += 1
        arrival.content.forwarder.metrics.deliveries_transit += 1


cdef links_t *_streaming_connection(neighbor_t *neighbor) noexcept nogil:
    """Streams take turns over the data connections; without any they share the control connection."""
    cdef connection_t *connection = neighbor.control
    if neighbor.data_count:
        connection = neighbor.data[neighbor.data_turn % neighbor.data_count]
        neighbor.data_turn += 1
    return <links_t *>connection.links


cdef void _wait(copy_t *copy, queue_t *queue) noexcept nogil:
    copy.waits_in = queue
    copy.next = NULL
    copy.previous = queue.last
    if queue.last != NULL:
        queue.last.next = copy
    else:
        queue.first = copy
    queue.last = copy


cdef copy_t *_first_waiting(queue_t *queue) noexcept nogil:
    """Take the first out of a queue, NULL if it is empty."""
    cdef copy_t *copy = queue.first
    if copy == NULL:
        return NULL
    queue.first = copy.next
    if copy.next != NULL:
        copy.next.previous = NULL
    else:
        queue.last = NULL
    copy.next = NULL
    copy.waits_in = NULL
    return copy


cdef link_t *_idle_link(links_t *links) noexcept nogil:
    cdef link_t *link = links.idle
    if link != NULL:
        links.idle = link.next_idle
        link.idle = False
    return link


cdef void _place_stream(links_t *links, copy_t *copy) noexcept nogil:
    """Onto an idle streaming link, or behind the others that wait for one."""
    cdef link_t *link = _idle_link(links)
    if link != NULL:
        _join(copy, link)
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
        _enqueue(copy, link)


# --- channels: one ordered way to an address through a neighbor (see channels.pyx)

cdef void _place_in_channel(copy_t *copy, channel_t *channel) noexcept nogil:
    """Behind all that went this way before."""
    if channel.link != NULL:
        _join(copy, channel.link)
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
        channel.links = _streaming_connection(&channel.forwarder.neighbors[channel.neighbor])
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
        _join(copy, link)
        copy = _first_waiting(&channel.waiting)
    link.ops.push(link)


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


# --- what transports do with copies

cdef size_t copy_peek(copy_t *copy, const uint8_t **data) noexcept nogil:
    return cursor_peek(copy, data)


cdef void copy_consume(copy_t *copy, size_t length) noexcept nogil:
    cursor_pass(copy, length)


cdef bint copy_sent(copy_t *copy) noexcept nogil:
    cdef link_t *link = copy.link
    cdef arrival_t *arrival = copy.arrival
    cdef outcome_t outcome
    if copy.presettled or copy.settle_on_send:
        copy_free(copy)
        if arrival != NULL:
            arrival_check(arrival)
        return True
    if link.settles_first:
        outcome = plain_outcome(PN_ACCEPTED)
        copy_outcome(copy, &outcome, True)
        return True
    _to_unsettled(copy, link)
    return False


cdef void _to_unsettled(copy_t *copy, link_t *link) noexcept nogil:
    link.first = copy.next
    if copy.next != NULL:
        copy.next.previous = NULL
    else:
        link.last = NULL
    link.undelivered_count -= 1
    link.dealt_with += 1
    copy.sent = True
    cursor_close(copy)
    content_release(copy.content)
    copy.content = NULL
    copy.previous = NULL
    copy.next = link.unsettled
    if link.unsettled != NULL:
        link.unsettled.previous = copy
    link.unsettled = copy
    link.unsettled_count += 1


# --- the sender's side

cdef void arrival_settled(arrival_t *arrival) noexcept nogil:
    cdef copy_t *copy = arrival.copies
    cdef copy_t *following
    arrival.sender_settled = True
    while copy != NULL:
        following = copy.sibling
        if copy.sent:
            copy.arrival = NULL
            _unlink_sibling(arrival, copy)
            copy.link.ops.copy_settled(copy)
        else:
            copy.settle_on_send = True
        copy = following
    if arrival.copies == NULL and arrival.content.complete and arrival.routed:
        arrival_free(arrival)


cdef void _unlink_sibling(arrival_t *arrival, copy_t *copy) noexcept nogil:
    cdef copy_t **place = &arrival.copies
    while place[0] != copy:
        place = &place[0].sibling
    place[0] = copy.sibling
    arrival.unsettled_copies -= 1
    if not copy.terminal:
        arrival.open_copies -= 1


cdef void arrival_abort(arrival_t *arrival) noexcept nogil:
    cdef copy_t *copy = arrival.copies
    cdef copy_t *following
    arrival.content.aborted = True
    arrival.content.complete = True
    while copy != NULL:
        following = copy.sibling
        _unlink_sibling(arrival, copy)
        copy.arrival = NULL
        if copy.started:
            copy.link.ops.copy_aborted(copy)
        else:
            copy_free(copy)
        copy = following
    arrival_free(arrival)


cdef void arrival_orphan(arrival_t *arrival) noexcept nogil:
    if arrival.content.complete:
        arrival_free(arrival)
    else:
        arrival_abort(arrival)


cdef void arrival_send_to(arrival_t *arrival, link_t *link) noexcept nogil:
    cdef copy_t *copy
    arrival.content.complete = True
    arrival.content.parsed = True
    arrival.routed = True
    copy = _copy_new(arrival)
    if copy == NULL:
        arrival_free(arrival)
        return
    _enqueue(copy, link)


# --- the end of a link

cdef void _lose_copies(copy_t *copy) noexcept nogil:
    """From the first: what nobody has seen is released, what may have been seen is modified."""
    cdef copy_t *following
    cdef outcome_t outcome
    while copy != NULL:
        following = copy.next
        if copy.presettled:
            _drop(copy)
        else:
            outcome = failed_outcome() if copy.started or copy.sent else plain_outcome(PN_RELEASED)
            copy_outcome(copy, &outcome, True)
        copy = following


cdef void _drop(copy_t *copy) noexcept nogil:
    """A pre-settled copy that will not be delivered: nobody waits for news, but it is counted."""
    cdef arrival_t *arrival = copy.arrival
    copy.forwarder.metrics.dropped_presettled_deliveries += 1
    if copy.link != NULL:
        copy.link.dropped_presettled_count += 1
    copy_free(copy)
    if arrival != NULL:
        arrival_check(arrival)


cdef void link_lost(link_t *link) noexcept nogil:
    _lose_copies(link.first)
    _lose_copies(link.unsettled)
    while link.arrivals != NULL:
        arrival_orphan(link.arrivals)
