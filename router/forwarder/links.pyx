"""AMQP links over proton: how they begin and end, and what the engine's events mean for them.

Acceptance of a link is control's: see forwarder.pyx. Deliveries are in receiving.pyx and sending.pyx.
"""

from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport calloc, free

from skrouter.amqp.engine.poller cimport HANDLE_LINK, engine_find, engine_forget, engine_name, engine_post
from skrouter.amqp.engine.proton_api cimport *
from skrouter.amqp.engine.connection cimport connection_fail
from skrouter.amqp.engine.model cimport connection_t, protocol_t
from skrouter.amqp.engine.pump cimport encoded_data
from skrouter.router.forwarder.channels cimport channel_forget_link, channel_is_open
from skrouter.router.forwarder.deliveries cimport link_lost
from skrouter.router.forwarder.limits cimport limits_free
from skrouter.router.forwarder.model cimport (
    LINK_CONTROL,
    LINK_ROUTER,
    LINK_STREAMING,
    NO_NEIGHBOR,
    arrival_t,
    channel_t,
    copy_t,
    forwarder_t,
    link_kind,
    link_ops_t,
    link_t,
    links_t,
    neighbor_t,
    outcome_t,
)
from skrouter.router.forwarder.receiving cimport (
    ask_credit_back,
    incoming_delivery,
    queue_resume,
    replace_credit,
    take_credit_back,
    tell_sender,
)
from skrouter.router.forwarder.sending cimport (
    abort_copy,
    outgoing_disposition,
    queue_write,
    settle_copy,
    write_links,
)
from skrouter.router.forwarder.settlement cimport copy_outcome, plain_outcome
from skrouter.router.forwarder.stuck cimport link_has_credit
from skrouter.router.forwarder.streams cimport channel_close, channel_start
from skrouter.router.forwarder.tables cimport entry_drop_consumer
from skrouter.router.forwarder.termini cimport terminus_fields

cdef enum event_number:         # positions in skrouter.amqp.events.EVENTS
    LINK_ATTACHED = 6
    LINK_ESTABLISHED = 7
    LINK_DETACHED = 8

cdef link_ops_t AMQP_OPS        # constant after import
AMQP_OPS.push = queue_write
AMQP_OPS.copy_settled = settle_copy
AMQP_OPS.copy_aborted = abort_copy
AMQP_OPS.outcome = tell_sender
AMQP_OPS.resume = queue_resume
AMQP_OPS.credit = replace_credit
AMQP_OPS.drain = ask_credit_back


cdef const link_ops_t *amqp_ops() noexcept nogil:
    return &AMQP_OPS


cdef link_t *link_new(forwarder_t *forwarder, link_kind kind, bint outgoing, const link_ops_t *ops, void *owner) noexcept nogil:
    cdef link_t *link = <link_t *>calloc(1, sizeof(link_t))
    if link == NULL:
        return NULL
    link.forwarder = forwarder
    link.ops = ops
    link.owner = owner
    link.kind = kind
    link.outgoing = outgoing
    link.handle = engine_name(forwarder.engine, HANDLE_LINK, link)
    forwarder.metrics.links_live += 1
    forwarder.heap.links += 1
    return link


cdef void link_free(link_t *link) noexcept nogil:
    if link.entry != NULL and link.outgoing:
        entry_drop_consumer(link.entry, link)
    elif link.entry != NULL:
        link.entry.senders -= 1
    link_has_credit(link)
    link.forwarder.metrics.links_live -= 1
    engine_forget(link.forwarder.engine, link.handle)
    free(link.address)
    free(link.ingress)
    free(link)


cdef link_t *amqp_link_new(connection_t *connection, pn_link_t *pn) noexcept nogil:
    """A link of an AMQP connection, in its list; proton's link points back to it."""
    cdef links_t *links = <links_t *>connection.links
    cdef link_t *link = link_new(links.forwarder, <link_kind>0, pn_link_is_sender(pn), &AMQP_OPS, NULL)
    if link == NULL:
        return NULL
    link.connection = connection
    link.pn = pn
    link.next = links.all
    if links.all != NULL:
        links.all.previous = link
    links.all = link
    pn_link_set_context(pn, link)
    return link


cdef void _leave_write_list(links_t *links, link_t *link) noexcept nogil:
    cdef link_t *previous = NULL
    cdef link_t *current = links.first_write
    while current != NULL and current != link:
        previous = current
        current = current.next_write
    if current == NULL:
        return
    if previous == NULL:
        links.first_write = link.next_write
    else:
        previous.next_write = link.next_write
    if links.last_write == link:
        links.last_write = previous
    link.write_queued = False


cdef void _leave_pool(links_t *links, link_t *link) noexcept nogil:
    cdef link_t **place = &links.idle
    while place[0] != NULL and place[0] != link:
        place = &place[0].next_idle
    if place[0] == link:
        place[0] = link.next_idle


cdef void _forget_at_neighbors(forwarder_t *forwarder, link_t *link) noexcept nogil:
    """The link may be of a connection whose place at its neighbor another one has taken."""
    cdef neighbor_t *neighbor
    cdef channel_t *channel
    cdef uint32_t i
    cdef int priority
    for i in range(forwarder.neighbor_count):
        neighbor = &forwarder.neighbors[i]
        if neighbor.control_link == link:
            neighbor.control_link = NULL
        for priority in range(10):
            if neighbor.priority_links[priority] == link:
                neighbor.priority_links[priority] = NULL
        channel = neighbor.channels
        while channel != NULL:
            channel_forget_link(channel, link)
            channel = channel.next_of_neighbor


cdef bint is_between_routers(const link_t *link) noexcept nogil:
    return link.outgoing and (link.kind == LINK_CONTROL or link.kind == LINK_ROUTER or link.kind == LINK_STREAMING)


cdef void amqp_link_lost(link_t *link) noexcept nogil:
    """The end of an AMQP link on our side: nothing points to it afterwards. Proton's link is left to the caller."""
    cdef links_t *links = <links_t *>link.connection.links
    cdef copy_t *copy
    cdef arrival_t *arrival
    pn_link_set_context(link.pn, NULL)
    if link.outgoing and link.entry != NULL:
        entry_drop_consumer(link.entry, link)
    if is_between_routers(link):
        _forget_at_neighbors(links.forwarder, link)
    if link.write_queued:
        _leave_write_list(links, link)
    if link.idle:
        _leave_pool(links, link)
    link.channel = NULL
    copy = link.first                       # proton's deliveries outlive ours: cut them loose
    while copy != NULL:
        if copy.pn != NULL:
            pn_delivery_set_context(copy.pn, NULL)
            pn_delivery_abort(copy.pn)      # else proton, when it frees the link, would send the end of a whole message
        copy = copy.next
    copy = link.unsettled
    while copy != NULL:
        pn_delivery_set_context(copy.pn, NULL)
        copy = copy.next
    arrival = link.arrivals
    while arrival != NULL:
        if arrival.pn != NULL:
            pn_delivery_set_context(arrival.pn, NULL)
        arrival = arrival.next
    link.pn = NULL
    link_lost(link)
    if link.previous != NULL:
        link.previous.next = link.next
    else:
        links.all = link.next
    if link.next != NULL:
        link.next.previous = link.previous
    link_free(link)


cdef void _link_opened(connection_t *connection, pn_link_t *pn) noexcept nogil:
    """The peer attached: to a link of ours, or a new one that control will accept or reject."""
    cdef link_t *link = <link_t *>pn_link_get_context(pn)
    if link != NULL:
        if not link.outgoing and link.owed and not link.withheld:
            pn_link_flow(pn, link.owed)
            link.owed = 0
        with gil:
            engine_post(connection.engine, (LINK_ESTABLISHED, link.handle, terminus_fields(pn_link_remote_source(pn)),
                                            terminus_fields(pn_link_remote_target(pn))))
        return
    if not pn_link_state(pn) & PN_LOCAL_UNINIT:
        return                              # of a link that we have closed meanwhile
    if not pn_session_state(pn_link_session(pn)) & PN_LOCAL_ACTIVE:
        return                              # on a session that was refused
    link = amqp_link_new(connection, pn)
    if link == NULL:
        connection_fail(connection, b"amqp:resource-limit-exceeded", b"out of memory")
        return
    with gil:
        engine_post(connection.engine, (
            LINK_ATTACHED, connection.handle, link.handle, pn_link_name(pn).decode("utf-8", "replace"),
            bool(link.outgoing), terminus_fields(pn_link_remote_source(pn)), terminus_fields(pn_link_remote_target(pn)),
            pn_link_remote_snd_settle_mode(pn), pn_link_remote_rcv_settle_mode(pn),
            pn_link_remote_max_message_size(pn), encoded_data(pn_link_remote_properties(pn))))


cdef void _post_detached(connection_t *connection, uint64_t handle, bint closed, pn_condition_t *condition) noexcept nogil:
    cdef const char *name = pn_condition_get_name(condition)
    cdef const char *description = pn_condition_get_description(condition)
    with gil:
        engine_post(connection.engine, (
            LINK_DETACHED, handle, bool(closed),
            "" if name == NULL else name.decode("utf-8", "replace"),
            "" if description == NULL else description.decode("utf-8", "replace")))


cdef void _link_closed(connection_t *connection, pn_link_t *pn, bint detached) noexcept nogil:
    cdef link_t *link = <link_t *>pn_link_get_context(pn)
    cdef bint awaited = False
    if detached and link != NULL:
        connection_fail(connection, b"amqp:not-implemented", b"Link detach/reattach not supported")
        return
    if link != NULL:
        _post_detached(connection, link.handle, True, pn_link_remote_condition(pn))
        awaited = is_between_routers(link)
        amqp_link_lost(link)
        pn_link_close(pn)
    pn_link_free(pn)
    if awaited:
        _restart_channels((<links_t *>connection.links).forwarder)


cdef void _session_closed(connection_t *connection, pn_session_t *session) noexcept nogil:
    """Every link of the session ends with it."""
    cdef links_t *links = <links_t *>connection.links
    cdef link_t *link = links.all
    cdef link_t *following
    cdef int i
    for i in range(64):
        if links.sessions[i] == session:
            links.sessions[i] = NULL
    while link != NULL:
        following = link.next
        if pn_link_session(link.pn) == session:
            _post_detached(connection, link.handle, True, pn_session_remote_condition(session))
            amqp_link_lost(link)
        link = following
    _restart_channels(links.forwarder)


cdef void _forget_data_connection(links_t *links) noexcept nogil:
    cdef neighbor_t *neighbor
    cdef channel_t *channel
    cdef uint32_t i, j
    for i in range(links.forwarder.neighbor_count):
        neighbor = &links.forwarder.neighbors[i]
        for j in range(neighbor.data_count):
            if neighbor.data[j] == links.connection:
                neighbor.data_count -= 1
                neighbor.data[j] = neighbor.data[neighbor.data_count]
                break
        if neighbor.control == links.connection:
            neighbor.control = NULL
            while neighbor.channels != NULL:
                channel_close(neighbor.channels)
        channel = neighbor.channels
        while channel != NULL:              # the next delivery will choose another connection
            if channel.links == links:
                channel.links = NULL
            channel = channel.next_of_neighbor


cdef void _drop_consumers(links_t *links) noexcept nogil:
    """Before any of their links is lost: what one must give up shall not go to another of them."""
    cdef link_t *link = links.all
    while link != NULL:
        if link.outgoing and link.entry != NULL:
            entry_drop_consumer(link.entry, link)
        link = link.next


cdef void _connection_lost(connection_t *connection) noexcept nogil:
    cdef links_t *links = <links_t *>connection.links
    cdef outcome_t outcome
    if links == NULL:
        return
    _forget_data_connection(links)
    _drop_consumers(links)
    while links.waiting.first != NULL:
        outcome = plain_outcome(PN_RELEASED)
        if links.waiting.first.channel != NULL:
            links.waiting.first.channel.asked = False
            links.waiting.first.channel = NULL
        copy_outcome(links.waiting.first, &outcome, True)
    while links.all != NULL:
        amqp_link_lost(links.all)
    _restart_channels(links.forwarder)
    limits_free(links.limits)
    free(links)
    connection.links = NULL


cdef void _restart_channels(forwarder_t *forwarder) noexcept nogil:
    """What waited for a link that is lost, or for what went before on it, takes another one."""
    cdef channel_t *channel
    cdef uint32_t i
    for i in range(forwarder.neighbor_count):
        channel = forwarder.neighbors[i].channels
        while channel != NULL:
            if channel_is_open(channel):
                channel_start(channel)
            channel = channel.next_of_neighbor


cdef void _link_flow(connection_t *connection, pn_link_t *pn) noexcept nogil:
    cdef link_t *link = <link_t *>pn_link_get_context(pn)
    if link == NULL:
        return
    if not link.outgoing:
        take_credit_back(link)
        return
    if link.zero_credit_since and pn_link_credit(pn) > 0:
        link_has_credit(link)
    if link.kind == LINK_ROUTER or link.kind == LINK_STREAMING:
        _router_flow(link)
    if link.first != NULL or pn_link_get_drain(pn):
        queue_write(link)


cdef void _router_flow(link_t *link) noexcept nogil:
    """Credit that came back tells what the neighbor has forwarded: channels may open."""
    cdef links_t *links = <links_t *>link.connection.links
    cdef channel_t *channel
    if link.peer_credit == 0:               # all at once, before the first delivery; it is only replaced later
        link.peer_credit = pn_link_credit(link.pn)
    if links.neighbor == NO_NEIGHBOR:
        return
    channel = link.forwarder.neighbors[links.neighbor].channels
    while channel != NULL:
        if not channel.open and channel_is_open(channel):
            channel_start(channel)
        channel = channel.next_of_neighbor


cdef void _delivery(connection_t *connection, pn_delivery_t *delivery) noexcept nogil:
    cdef link_t *link = <link_t *>pn_link_get_context(pn_delivery_link(delivery))
    if link == NULL:
        return
    if link.outgoing:
        outgoing_disposition(link, delivery)
    else:
        incoming_delivery(link, delivery)
        _end_exceeded(connection)


cdef void _write(connection_t *connection) noexcept nogil:
    write_links(connection)
    _end_exceeded(connection)


cdef void _end_exceeded(connection_t *connection) noexcept nogil:
    """Too large a message ends its link, without a word, and its connection (spec: routing-protocol §5.8)."""
    cdef links_t *links = <links_t *>connection.links
    cdef link_t *link
    cdef pn_link_t *pn
    if links.limits == NULL or links.limits.exceeded == 0:
        return
    link = <link_t *>engine_find(connection.engine, HANDLE_LINK, links.limits.exceeded)
    links.limits.exceeded = 0
    if link != NULL:
        pn = link.pn
        amqp_link_lost(link)
        pn_link_close(pn)
    connection_fail(connection, b"amqp:connection:forced", b"Message size exceeded")


cdef protocol_t amqp_protocol() noexcept nogil:
    cdef protocol_t protocol
    protocol.session_closed = _session_closed
    protocol.link_opened = _link_opened
    protocol.link_closed = _link_closed
    protocol.link_flow = _link_flow
    protocol.delivery = _delivery
    protocol.write = _write
    protocol.connection_lost = _connection_lost
    return protocol


cdef links_t *links_of(connection_t *connection, forwarder_t *forwarder) noexcept nogil:
    """The link state of a connection, made at the first call. NULL without memory."""
    cdef links_t *links = <links_t *>connection.links
    if links == NULL:
        links = <links_t *>calloc(1, sizeof(links_t))
        if links == NULL:
            return NULL
        links.connection = connection
        links.forwarder = forwarder
        links.neighbor = NO_NEIGHBOR
        connection.links = links
    return links
