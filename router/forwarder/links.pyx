"""AMQP links over proton: what the engine's events mean for links and deliveries, and what goes back to proton.

Reading: PN_DELIVERY -> _incoming -> arrival. Writing: a link with something to send joins its connection's list, and
`_write` gives proton what credit and session room allow, once a pass. Acceptance of a link is control's: see forwarder.pyx.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free

from skrouter.amqp.engine.poller cimport (
    HANDLE_LINK,
    SCRATCH,
    engine_forget,
    engine_name,
    engine_post,
)
from skrouter.amqp.engine.proton_api cimport *
from skrouter.amqp.engine.pump cimport (
    connection_fail,
    connection_t,
    connection_wake,
    encoded_data,
)
from skrouter.router.forwarder.channels cimport channel_is_open
from skrouter.router.forwarder.content cimport content_grew, content_room
from skrouter.router.forwarder.deliveries cimport (
    arrival_abort,
    arrival_advance,
    arrival_new,
    arrival_parse,
    arrival_settled,
    channel_close,
    channel_start,
    copy_consume,
    copy_peek,
    copy_sent,
    link_lost,
    offer_streaming_link,
)
from skrouter.router.forwarder.model cimport (
    LINK_ROUTER,
    LINK_STREAMING,
    NO_NEIGHBOR,
    Q3_UPPER,
    arrival_t,
    channel_t,
    copy_t,
    links_t,
    neighbor_t,
    outcome_t,
)
from skrouter.router.forwarder.sections cimport PREFIX_LIMIT, write_annotations
from skrouter.router.forwarder.settlement cimport (
    arrival_free,
    copy_free,
    copy_outcome,
    failed_outcome,
    plain_outcome,
)
from skrouter.router.forwarder.tables cimport entry_drop_consumer

cdef enum event_number:         # positions in skrouter.amqp.events.EVENTS
    LINK_ATTACHED = 6
    LINK_ESTABLISHED = 7
    LINK_DETACHED = 8

cdef link_ops_t AMQP_OPS        # constant after import
AMQP_OPS.push = _queue_write
AMQP_OPS.copy_settled = _settle_copy
AMQP_OPS.copy_aborted = _abort_copy
AMQP_OPS.outcome = _tell_sender
AMQP_OPS.resume = _queue_resume
AMQP_OPS.credit = _replace_credit


cdef const link_ops_t *amqp_ops() noexcept nogil:
    return &AMQP_OPS


# --- life of a link

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
    return link


cdef void link_free(link_t *link) noexcept nogil:
    if link.entry != NULL and link.outgoing:
        entry_drop_consumer(link.entry, link)
    elif link.entry != NULL:
        link.entry.senders -= 1
    link.forwarder.metrics.links_live -= 1
    engine_forget(link.forwarder.engine, link.handle)
    free(link.address)
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


cdef void _forget_at_neighbor(links_t *links, link_t *link) noexcept nogil:
    cdef neighbor_t *neighbor
    cdef int priority
    if links.neighbor == NO_NEIGHBOR:
        return
    neighbor = &links.forwarder.neighbors[links.neighbor]
    if neighbor.control_link == link:
        neighbor.control_link = NULL
    for priority in range(10):
        if neighbor.priority_links[priority] == link:
            neighbor.priority_links[priority] = NULL


cdef void amqp_link_lost(link_t *link) noexcept nogil:
    """The end of an AMQP link on our side: nothing points to it afterwards. Proton's link is left to the caller."""
    cdef links_t *links = <links_t *>link.connection.links
    cdef copy_t *copy
    cdef arrival_t *arrival
    pn_link_set_context(link.pn, NULL)
    if link.outgoing and link.entry != NULL:
        entry_drop_consumer(link.entry, link)
    _forget_at_neighbor(links, link)
    if link.write_queued:
        _leave_write_list(links, link)
    if link.idle:
        _leave_pool(links, link)
    if link.channel != NULL:
        link.channel.link = NULL
        link.channel = NULL
    copy = link.first                       # proton's deliveries outlive ours: cut them loose
    while copy != NULL:
        if copy.pn != NULL:
            pn_delivery_set_context(copy.pn, NULL)
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


# --- engine events

cdef object _terminus(pn_terminus_t *terminus):
    """The fields of skrouter.amqp.events.RawTerminus."""
    cdef const char *address = pn_terminus_get_address(terminus)
    return (
        pn_terminus_get_type(terminus),
        None if address == NULL else address.decode("utf-8", "replace"),
        pn_terminus_get_durability(terminus),
        pn_terminus_get_expiry_policy(terminus),
        pn_terminus_get_timeout(terminus),
        bool(pn_terminus_is_dynamic(terminus)),
        pn_terminus_get_distribution_mode(terminus),
        encoded_data(pn_terminus_capabilities(terminus)),
        encoded_data(pn_terminus_properties(terminus)),
        encoded_data(pn_terminus_filter(terminus)),
    )


cdef void _link_opened(connection_t *connection, pn_link_t *pn) noexcept nogil:
    """The peer attached: to a link of ours, or a new one that control will accept or reject."""
    cdef link_t *link = <link_t *>pn_link_get_context(pn)
    if link != NULL:
        if not link.outgoing and link.owed:
            pn_link_flow(pn, link.owed)
            link.owed = 0
        with gil:
            engine_post(connection.engine, (LINK_ESTABLISHED, link.handle, _terminus(pn_link_remote_source(pn)),
                                            _terminus(pn_link_remote_target(pn))))
        return
    if not pn_link_state(pn) & PN_LOCAL_UNINIT:
        return                              # of a link that we have closed meanwhile
    link = amqp_link_new(connection, pn)
    if link == NULL:
        connection_fail(connection, b"amqp:resource-limit-exceeded", b"out of memory")
        return
    with gil:
        engine_post(connection.engine, (
            LINK_ATTACHED, connection.handle, link.handle, pn_link_name(pn).decode("utf-8", "replace"),
            bool(link.outgoing), _terminus(pn_link_remote_source(pn)), _terminus(pn_link_remote_target(pn)),
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
    if detached and link != NULL:
        connection_fail(connection, b"amqp:not-implemented", b"Link detach/reattach not supported")
        return
    if link != NULL:
        _post_detached(connection, link.handle, True, pn_link_remote_condition(pn))
        amqp_link_lost(link)
        pn_link_close(pn)
    pn_link_free(pn)


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


cdef void _connection_opened(connection_t *connection) noexcept nogil:
    pass                                    # its links_t exists since control started AMQP on it


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


cdef void _connection_lost(connection_t *connection) noexcept nogil:
    cdef links_t *links = <links_t *>connection.links
    cdef outcome_t outcome
    if links == NULL:
        return
    _forget_data_connection(links)
    while links.waiting.first != NULL:
        outcome = plain_outcome(PN_RELEASED)
        if links.waiting.first.channel != NULL:
            links.waiting.first.channel.asked = False
        copy_outcome(links.waiting.first, &outcome, True)
    while links.all != NULL:
        amqp_link_lost(links.all)
    _restart_channels(links.forwarder)
    free(links)
    connection.links = NULL


cdef void _restart_channels(forwarder_t *forwarder) noexcept nogil:
    """What waited for a link of a lost data connection takes another one."""
    cdef channel_t *channel
    cdef uint32_t i
    for i in range(forwarder.neighbor_count):
        channel = forwarder.neighbors[i].channels
        while channel != NULL:
            if channel.open:
                channel_start(channel)
            channel = channel.next_of_neighbor


cdef void _link_flow(connection_t *connection, pn_link_t *pn) noexcept nogil:
    cdef link_t *link = <link_t *>pn_link_get_context(pn)
    if link == NULL or not link.outgoing:
        return
    if link.zero_credit_since and pn_link_credit(pn) > 0:
        link.zero_credit_since = 0
    if link.kind == LINK_ROUTER:
        _router_flow(link)
    if link.first != NULL or pn_link_get_drain(pn):
        _queue_write(link)


cdef void _router_flow(link_t *link) noexcept nogil:
    """Credit that came back tells what the neighbor has forwarded: channels may open."""
    cdef links_t *links = <links_t *>link.connection.links
    cdef channel_t *channel
    cdef int credit = pn_link_credit(link.pn)
    if credit > link.peer_credit:
        link.peer_credit = credit
    if links.neighbor == NO_NEIGHBOR:
        return
    channel = link.forwarder.neighbors[links.neighbor].channels
    while channel != NULL:
        if not channel.open and channel_is_open(link.forwarder, channel):
            channel_start(channel)
        channel = channel.next_of_neighbor


# --- incoming deliveries

cdef void _delivery(connection_t *connection, pn_delivery_t *delivery) noexcept nogil:
    cdef link_t *link = <link_t *>pn_link_get_context(pn_delivery_link(delivery))
    if link == NULL:
        return
    if link.outgoing:
        _disposition(link, delivery)
    else:
        _incoming(link, delivery)


cdef void _incoming(link_t *link, pn_delivery_t *delivery) noexcept nogil:
    """Octets, the sender's settlement, or both; the event comes once for every frame."""
    cdef arrival_t *arrival = <arrival_t *>pn_delivery_get_context(delivery)
    if arrival == NULL:
        _take_current(link)
        return
    if pn_delivery_aborted(delivery):
        _aborted(arrival)
        _take_current(link)
        return
    _go_on(link, arrival, delivery)


cdef void _go_on(link_t *link, arrival_t *arrival, pn_delivery_t *delivery) noexcept nogil:
    """Take what has come of a delivery, then what waits behind it, then the sender's settlement."""
    if not arrival.content.complete:
        _receive(arrival)
        _take_current(link)
    if pn_delivery_get_context(delivery) == arrival and pn_delivery_settled(delivery):
        _sender_settled(arrival)


cdef void _take_current(link_t *link) noexcept nogil:
    """Begin the deliveries whose turn has come. Their own events may have passed while an earlier one was held back."""
    cdef pn_delivery_t *delivery
    cdef arrival_t *arrival
    while link.accepted:
        delivery = pn_link_current(link.pn)
        if delivery == NULL or pn_delivery_get_context(delivery) != NULL:
            return
        if pn_delivery_pending(delivery) == 0 and pn_delivery_partial(delivery) and not pn_delivery_aborted(delivery):
            return
        arrival = arrival_new(link.forwarder, link, pn_delivery_settled(delivery))
        if arrival == NULL:
            connection_fail(link.connection, b"amqp:resource-limit-exceeded", b"out of memory")
            return
        arrival.pn = delivery
        pn_delivery_set_context(delivery, arrival)
        link.connection.last_delivery = link.forwarder.engine.now
        if pn_delivery_aborted(delivery):
            _aborted(arrival)
        else:
            _receive(arrival)


cdef void _sender_settled(arrival_t *arrival) noexcept nogil:
    """The sender has settled behind its first frame; its last octets come first: the event is repeated with them."""
    cdef pn_delivery_t *delivery = arrival.pn
    if arrival.presettled or not arrival.content.complete:
        return
    pn_delivery_set_context(delivery, NULL)
    arrival.pn = NULL
    arrival_settled(arrival)
    pn_delivery_settle(delivery)


cdef void _aborted(arrival_t *arrival) noexcept nogil:
    cdef pn_delivery_t *delivery = arrival.pn
    cdef connection_t *connection = arrival.link.connection
    pn_delivery_set_context(delivery, NULL)
    arrival.pn = NULL
    arrival_abort(arrival)
    pn_delivery_settle(delivery)
    connection_wake(connection)


cdef size_t _read_some(arrival_t *arrival, size_t pending) noexcept nogil:
    """Move octets from proton into the content; 0 when it takes none."""
    cdef uint8_t *room = arrival.link.forwarder.engine.write_scratch
    cdef size_t size = SCRATCH
    cdef ssize_t taken
    if arrival.content.blocked and not arrival.content.unlimited:
        return 0
    if not arrival.content.discarded:
        size = content_room(arrival.content, pending, &room)
    taken = pn_link_recv(arrival.link.pn, <char *>room, size if size < pending else pending)
    if taken <= 0:
        return 0
    if not arrival.content.discarded:
        content_grew(arrival.content, taken)
    return taken


cdef void _receive(arrival_t *arrival) noexcept nogil:
    """Take what proton has of the delivery. The arrival may be gone afterwards."""
    cdef pn_delivery_t *delivery = arrival.pn
    cdef link_t *link = arrival.link
    cdef size_t pending = pn_delivery_pending(delivery)
    cdef bint complete
    cdef bint moved = False
    if pn_link_current(link.pn) != delivery:
        return
    while pending:
        if _read_some(arrival, pending) == 0:
            break
        moved = True
        arrival_parse(arrival)
        pending = pn_delivery_pending(delivery)
    complete = pending == 0 and not pn_delivery_partial(delivery)
    if complete:
        pn_link_advance(link.pn)
        if arrival.presettled:              # nobody speaks about it any more; its place in proton is free
            pn_delivery_set_context(delivery, NULL)
            arrival.pn = NULL
            pn_delivery_settle(delivery)
        connection_wake(link.connection)
    if moved or complete:
        arrival_advance(arrival, complete)


cdef void _queue_resume(arrival_t *arrival) noexcept nogil:
    cdef links_t *links = <links_t *>arrival.link.connection.links
    if arrival.resuming or arrival.pn == NULL:
        return
    arrival.resuming = True
    arrival.next_resume = links.first_resume
    links.first_resume = arrival
    connection_wake(arrival.link.connection)


cdef void _resume_all(links_t *links) noexcept nogil:
    cdef arrival_t *arrival
    while links.first_resume != NULL:
        arrival = links.first_resume
        links.first_resume = arrival.next_resume
        arrival.resuming = False
        if arrival.pn != NULL and not arrival.content.complete:
            _go_on(arrival.link, arrival, arrival.pn)


cdef void _replace_credit(link_t *link) noexcept nogil:
    if link.pn == NULL:
        return
    if link.withheld:
        link.owed += 1
        return
    pn_link_flow(link.pn, 1)
    connection_wake(link.connection)


# --- outcomes to the sender

cdef void _fill_disposition(pn_disposition_t *local, const outcome_t *outcome) noexcept nogil:
    if outcome.state == PN_RECEIVED:
        pn_disposition_set_section_number(local, outcome.section_number)
        pn_disposition_set_section_offset(local, outcome.section_offset)
    elif outcome.state == PN_MODIFIED:
        pn_disposition_set_failed(local, True)      # a modified delivery has failed on its way, whoever says so
        pn_disposition_set_undeliverable(local, outcome.undeliverable)
        if outcome.source != NULL:
            pn_data_copy(pn_disposition_annotations(local), pn_disposition_annotations(outcome.source))
    elif outcome.state == PN_REJECTED:
        if outcome.condition != NULL:
            pn_condition_set_name(pn_disposition_condition(local), outcome.condition)
            pn_condition_set_description(pn_disposition_condition(local), outcome.description)
        elif outcome.source != NULL:
            pn_condition_copy(pn_disposition_condition(local), pn_disposition_condition(outcome.source))
    elif outcome.state > PN_MODIFIED and outcome.source != NULL:
        pn_data_copy(pn_disposition_data(local), pn_disposition_data(outcome.source))


cdef void _tell_sender(arrival_t *arrival, const outcome_t *outcome, bint settle) noexcept nogil:
    cdef pn_delivery_t *delivery = arrival.pn
    cdef link_t *link = arrival.link
    if delivery != NULL and outcome != NULL and outcome.state:
        _fill_disposition(pn_delivery_local(delivery), outcome)
        pn_delivery_update(delivery, outcome.state)
        if not arrival.told:
            arrival.told = outcome.state >= PN_ACCEPTED
            _count_outcome(link, outcome.state)
    if link.connection != NULL:
        connection_wake(link.connection)
    if not settle:
        return
    if delivery != NULL:
        pn_delivery_set_context(delivery, NULL)
        arrival.pn = NULL
        pn_delivery_settle(delivery)
    arrival_free(arrival)


cdef void _count_outcome(link_t *link, uint64_t state) noexcept nogil:
    if state == PN_ACCEPTED:
        link.accepted_count += 1
    elif state == PN_REJECTED:
        link.rejected_count += 1
    elif state == PN_RELEASED:
        link.released_count += 1
    elif state == PN_MODIFIED:
        link.modified_count += 1


# --- outgoing deliveries

cdef void _queue_write(link_t *link) noexcept nogil:
    if link.pn == NULL:
        return
    _enlist(link)
    connection_wake(link.connection)


cdef void _enlist(link_t *link) noexcept nogil:
    cdef links_t *links = <links_t *>link.connection.links
    if link.write_queued:
        return
    link.write_queued = True
    link.next_write = NULL
    if links.last_write != NULL:
        links.last_write.next_write = link
    else:
        links.first_write = link
    links.last_write = link


cdef void _write(connection_t *connection) noexcept nogil:
    """Every link that waits gets its turn; one that the session has no room for stays in the list."""
    cdef links_t *links = <links_t *>connection.links
    cdef link_t *link
    cdef link_t *following
    if links == NULL:
        return
    if links.first_resume != NULL:
        _resume_all(links)
    link = links.first_write
    links.first_write = links.last_write = NULL
    while link != NULL:
        following = link.next_write
        link.write_queued = False
        if _write_link(link):
            _enlist(link)                   # without waking: room comes with the socket or with a frame of the peer
        link = following


cdef bint _write_link(link_t *link) noexcept nogil:
    """Send what credit and session allow. True: more could go when the session has room again."""
    cdef copy_t *copy
    cdef bint full = False
    while link.first != NULL:
        copy = link.first
        if not copy.started:
            if pn_link_credit(link.pn) <= 0:
                if not link.zero_credit_since:
                    link.zero_credit_since = link.forwarder.engine.now
                break
            if not _begin(link, copy):
                continue
        full = not _send_octets(link, copy)
        if full or not _finish(link, copy):
            break
    if link.first == NULL and pn_link_get_drain(link.pn):
        pn_link_drained(link.pn)
    return full


cdef bint _begin(link_t *link, copy_t *copy) noexcept nogil:
    """Make proton's delivery and write the annotations. False: it cannot be sent, and is gone."""
    cdef engine_t *engine = link.forwarder.engine
    cdef pn_bytes_t tag
    cdef size_t length = 0
    cdef outcome_t outcome
    if link.annotated:
        length = write_annotations(copy.content, copy.arrival.link if copy.arrival != NULL else NULL, engine.write_scratch)
        if length == 0:
            outcome = plain_outcome(PN_RELEASED)
            copy_outcome(copy, &outcome, True)
            return False
    tag.size = sizeof(uint64_t)
    tag.start = <const char *>&engine.delivery_tag      # little endian, as all our machines are
    copy.pn = pn_delivery(link.pn, tag)
    engine.delivery_tag += 1
    copy.started = True
    pn_delivery_set_context(copy.pn, copy)
    if link.annotated:
        pn_link_send(link.pn, <const char *>engine.write_scratch, length)
    link.connection.last_delivery = engine.now
    return True


cdef bint _send_octets(link_t *link, copy_t *copy) noexcept nogil:
    """Give proton all octets that are here; False when its session holds enough."""
    cdef const uint8_t *data = NULL
    cdef pn_session_t *session = pn_link_session(link.pn)
    cdef size_t size = copy_peek(copy, &data)
    while size:
        if pn_session_outgoing_bytes(session) >= Q3_UPPER:
            return False
        pn_link_send(link.pn, <const char *>data, size)
        copy_consume(copy, size)
        size = copy_peek(copy, &data)
    return True


cdef bint _finish(link_t *link, copy_t *copy) noexcept nogil:
    """If the message is complete, end the delivery. False: more of it is still to come."""
    cdef pn_delivery_t *delivery = copy.pn
    if not copy.content.complete:
        return False
    pn_link_advance(link.pn)
    if copy.presettled or copy.settle_on_send or link.settles_first:
        pn_delivery_set_context(delivery, NULL)
        copy.pn = NULL
        pn_delivery_settle(delivery)
    copy_sent(copy)
    _stream_done(link)
    return True


cdef void _stream_done(link_t *link) noexcept nogil:
    """A streaming link without a delivery goes back to its pool, or takes the next one that waits."""
    if link.kind == LINK_STREAMING and link.first == NULL and not link.idle and link.channel == NULL:
        offer_streaming_link(<links_t *>link.connection.links, link)


cdef void _disposition(link_t *link, pn_delivery_t *delivery) noexcept nogil:
    """The receiver's state, its settlement, or both."""
    cdef copy_t *copy = <copy_t *>pn_delivery_get_context(delivery)
    cdef bint settled = pn_delivery_settled(delivery)
    cdef bint unfinished
    cdef outcome_t outcome
    if copy == NULL or not pn_delivery_updated(delivery):
        return
    pn_delivery_clear(delivery)
    outcome = _read_disposition(pn_delivery_remote(delivery), pn_delivery_remote_state(delivery))
    if not settled:
        copy_outcome(copy, &outcome, False)
        return
    unfinished = not copy.sent
    pn_delivery_set_context(delivery, NULL)
    copy.pn = NULL
    copy_outcome(copy, &outcome, True)
    pn_delivery_settle(delivery)            # ends the transfer too, if the receiver did not wait for all of it
    if unfinished:
        _stream_done(link)
        _queue_write(link)
    connection_wake(link.connection)


cdef outcome_t _read_disposition(pn_disposition_t *remote, uint64_t state) noexcept nogil:
    cdef outcome_t outcome = plain_outcome(state)
    outcome.source = remote
    if state == PN_RECEIVED:
        outcome.section_number = pn_disposition_get_section_number(remote)
        outcome.section_offset = pn_disposition_get_section_offset(remote)
    elif state == PN_MODIFIED:
        outcome.failed = pn_disposition_is_failed(remote)
        outcome.undeliverable = pn_disposition_is_undeliverable(remote)
    return outcome


cdef void _settle_copy(copy_t *copy) noexcept nogil:
    cdef pn_delivery_t *delivery = copy.pn
    cdef connection_t *connection = copy.link.connection
    copy.pn = NULL
    copy_free(copy)
    if delivery != NULL:
        pn_delivery_set_context(delivery, NULL)
        pn_delivery_settle(delivery)
    connection_wake(connection)


cdef void _abort_copy(copy_t *copy) noexcept nogil:
    cdef pn_delivery_t *delivery = copy.pn
    cdef link_t *link = copy.link
    copy.pn = NULL
    copy_free(copy)
    if delivery != NULL:
        pn_delivery_set_context(delivery, NULL)
        pn_delivery_abort(delivery)
    _stream_done(link)
    _queue_write(link)


cdef protocol_t amqp_protocol() noexcept nogil:
    cdef protocol_t protocol
    protocol.connection_opened = _connection_opened
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
