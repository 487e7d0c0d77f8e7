"""Where a delivery goes, decided once: its entry, its treatment, and the links its copies leave on (spec: routing-protocol §5).

Between routers a complete message takes the link of its priority; a stream takes a link of its own, or the channel of its
address.
"""

from libc.stdint cimport uint32_t
from libc.stdlib cimport realloc
from libc.string cimport memset

from skrouter.amqp.engine.proton_api cimport PN_RELEASED
from skrouter.router.forwarder.channels cimport channel_new, channel_of
from skrouter.router.forwarder.copies cimport copy_join, copy_new, copy_undo, push_copies
from skrouter.router.forwarder.counting cimport count_egress, count_ingress
from skrouter.router.forwarder.floods cimport flood_was_here
from skrouter.router.forwarder.limits cimport limits_violation
from skrouter.router.forwarder.model cimport (
    FLAG_RESEND_RELEASED,
    FLAG_STREAMING,
    LINK_ADAPTOR,
    LINK_CONTROL,
    LINK_EDGE_DOWNLINK,
    LINK_ENDPOINT,
    LINK_INTER_EDGE,
    LINK_PROCESS,
    NO_NEIGHBOR,
    PEER_EDGE,
    TREATMENT_BALANCED,
    TREATMENT_CLOSEST,
    TREATMENT_FLOOD,
    TREATMENT_MULTICAST,
    TREATMENT_UNAVAILABLE,
    arrival_t,
    channel_t,
    content_t,
    copy_t,
    entry_t,
    forwarder_t,
    link_t,
    links_t,
    neighbor_t,
    outcome_t,
    slice_t,
)
from skrouter.router.forwarder.resend cimport resend_begin, resend_note_neighbor
from skrouter.router.forwarder.settlement cimport arrival_finish, arrival_free, plain_outcome, rejection
from skrouter.router.forwarder.streams cimport place_in_channel, place_stream, streaming_connection
from skrouter.router.forwarder.tables cimport find_address, find_key
from skrouter.router.forwarder.treatments cimport (
    choice_t,
    choose_balanced,
    choose_closest,
    choose_neighbors,
    echoes,
    is_from_edge,
    is_from_edge_mesh,
    is_loop,
    links_behind,
    origin_of,
    priority_link,
)


cdef slice_t *_text_of(content_t *content) noexcept nogil:
    """What a message itself says of where it goes."""
    return &content.head.to_override if content.head.to_override.present else &content.head.to


cdef entry_t *_uplink(forwarder_t *forwarder) noexcept nogil:
    """The way of an edge router into the network; NULL: it has none."""
    return find_key(forwarder, b"L_edge", 6)


cdef entry_t *_entry_of(arrival_t *arrival, bint *addressed) noexcept nogil:
    """Where the delivery wants to go: its link's address; on an anonymous link to-override, else `to`."""
    cdef content_t *content = arrival.content
    cdef slice_t *text = _text_of(content)
    cdef entry_t *entry
    addressed[0] = True
    if arrival.link != NULL and arrival.link.entry != NULL:
        return arrival.link.entry
    if not text.present or text.length == 0:
        addressed[0] = False
        return NULL
    entry = find_address(content.forwarder, <const char *>content.first.data + text.start, text.length)
    return entry if content.forwarder.interior else _edge_entry(arrival, entry)


cdef entry_t *_edge_entry(arrival_t *arrival, entry_t *entry) noexcept nogil:
    """An edge router sends what it has no consumers for over its uplink, unless it came from there."""
    cdef bint is_from_there = is_from_edge(arrival)
    if entry != NULL and entry.uplink and is_from_there:
        return NULL
    if is_from_there or (entry == NULL and _is_refused(arrival)):
        return entry
    if entry == NULL or (entry.key[0] == c"M" and entry.consumer_count == 0):
        return _uplink(arrival.content.forwarder)
    return entry


cdef void _refuse(arrival_t *arrival, outcome_t outcome) noexcept nogil:
    """The delivery goes nowhere: tell its sender; what nobody waits for is counted as dropped."""
    cdef forwarder_t *forwarder = arrival.content.forwarder
    if arrival.presettled:
        forwarder.metrics.dropped_presettled_deliveries += 1
        if arrival.link != NULL:
            arrival.link.dropped_presettled_count += 1
    elif outcome.state == PN_RELEASED:
        forwarder.metrics.released_deliveries += 1
        if arrival.link != NULL and arrival.link.withheld and arrival.link.ops.drain != NULL:
            arrival.link.ops.drain(arrival.link)
    else:
        forwarder.metrics.rejected_deliveries += 1
    arrival_finish(arrival, &outcome)


cdef void route(arrival_t *arrival) noexcept nogil:
    """Decide once where this delivery goes. The arrival may be gone afterwards."""
    cdef forwarder_t *forwarder = arrival.content.forwarder
    cdef link_t *link = arrival.link
    cdef bint addressed = False
    cdef const char *violation
    cdef entry_t *entry
    arrival.routed = True
    arrival.streams = not arrival.content.complete
    if link != NULL and link.replenish_early:
        link.ops.credit(link)
    if arrival.content.invalid and link != NULL and link.annotated:
        _refuse(arrival, rejection(b"amqp:invalid-field", b"Invalid router annotations"))
        return
    violation = limits_violation(arrival)
    if violation != NULL:
        _refuse(arrival, rejection(b"amqp:unauthorized-access", violation))
        return
    entry = _entry_of(arrival, &addressed)
    _count_origin(arrival, entry)
    if _may_be_resent(arrival, entry):
        resend_begin(arrival)
    if not addressed:
        _refuse(arrival, rejection(b"amqp:precondition-failed", b"Routing failure: no address present"))
    elif not _stays_here(entry) and (is_loop(forwarder, arrival) or _is_astray(arrival)):
        _refuse(arrival, plain_outcome(PN_RELEASED))
    elif entry == NULL:
        _refuse_unknown(arrival)
    elif entry.treatment == TREATMENT_UNAVAILABLE:
        _refuse_unavailable(arrival)
    elif entry.control_only and link != NULL and link.kind != LINK_CONTROL and link.kind != LINK_PROCESS:
        _refuse(arrival, plain_outcome(PN_RELEASED))
    elif _is_repeated(arrival, entry):
        arrival_free(arrival)
    elif entry.treatment == TREATMENT_FLOOD or entry.treatment == TREATMENT_MULTICAST:
        _multicast(arrival, entry)
    else:
        _anycast(arrival, entry)


cdef bint _stays_here(const entry_t *entry) noexcept nogil:
    """What is for this router alone goes in no circle. A HELLO that seems to has come from another router of our id."""
    return entry != NULL and entry.key[0] == c"L"


cdef bint _may_be_resent(const arrival_t *arrival, const entry_t *entry) noexcept nogil:
    """If its sender has marked it; and if its adaptor has a use for that, even where nobody is known yet."""
    if arrival.presettled or arrival.link == NULL or (entry != NULL and not _is_anycast(entry)):
        return False
    return arrival.link.ops.no_way != NULL or (entry != NULL and arrival.content.head.flags & FLAG_RESEND_RELEASED)


cdef bint _is_repeated(arrival_t *arrival, entry_t *entry) noexcept nogil:
    """What another router floods to all comes along every path; once is enough. HELLO, to neighbors alone, is no such
    message: it says the same every second."""
    if entry.treatment != TREATMENT_FLOOD or entry.key[0] != c"T":
        return False
    if arrival.link == NULL or arrival.link.kind != LINK_CONTROL:
        return False
    if not arrival.presettled or not arrival.content.complete:
        return False
    return flood_was_here(arrival, origin_of(arrival.content.forwarder, arrival))


cdef void route_again(arrival_t *arrival) noexcept nogil:
    cdef bint addressed = False
    cdef entry_t *entry = _entry_of(arrival, &addressed)
    if entry != NULL and _is_anycast(entry) and _take_a_way(arrival, entry):
        return
    entry = _beyond(arrival, entry)
    if entry == NULL or not _take_a_way(arrival, entry):
        _release(arrival)


cdef void _release(arrival_t *arrival) noexcept nogil:
    """Nobody takes it, now at least: who holds all its octets may keep it for another try."""
    if arrival.content.retained and arrival.link != NULL and arrival.link.ops.no_way != NULL and (
            arrival.link.ops.no_way(arrival)):
        return
    _refuse(arrival, plain_outcome(PN_RELEASED))


cdef bint _is_anycast(const entry_t *entry) noexcept nogil:
    return entry.treatment == TREATMENT_CLOSEST or entry.treatment == TREATMENT_BALANCED


cdef entry_t *_beyond(arrival_t *arrival, const entry_t *entry) noexcept nogil:
    """When all here have released it, an edge router asks the network, unless a proxy has done so."""
    cdef forwarder_t *forwarder = arrival.content.forwarder
    cdef uint32_t i
    if forwarder.interior or entry == NULL or entry.key[0] != c"M" or is_from_edge(arrival):
        return NULL
    for i in range(entry.consumer_count):
        if _leads_up(entry.consumers[i]):
            return NULL
    return _uplink(forwarder)


cdef bint _is_astray(arrival_t *arrival) noexcept nogil:
    """More hops than to the farthest router. Control messages may: they travel while paths are still being learnt. An edge
    router knows no paths."""
    return arrival.content.forwarder.interior and arrival.content.head.trace_count > (
        arrival.content.forwarder.radius + 1) and not _on_control(arrival)


cdef void _count_origin(arrival_t *arrival, entry_t *entry) noexcept nogil:
    if arrival.presettled:
        arrival.content.forwarder.metrics.presettled_deliveries += 1
    if arrival.link == NULL or not _is_local(arrival.link):
        if entry != NULL and (arrival.link == NULL or arrival.link.kind == LINK_PROCESS):
            entry.deliveries_from_container += 1
        return
    count_ingress(arrival.link, entry)


cdef bint _is_local(const link_t *link) noexcept nogil:
    """Whether a client or a service of this router is at the other end."""
    return link.kind == LINK_ENDPOINT or link.kind == LINK_ADAPTOR


cdef bint _is_refused(arrival_t *arrival) noexcept nogil:
    """What control says of an address that nobody has; rules are patterns, which only control knows."""
    cdef content_t *content = arrival.content
    cdef slice_t *text = _text_of(content)
    cdef bint refused = False
    if content.forwarder.is_refused == NULL:
        return False
    with gil:
        address = (<char *>content.first.data)[text.start : text.start + text.length]
        refused = (<object>content.forwarder.is_refused)(address.decode("utf-8", "replace"))
    return refused


cdef void _refuse_unknown(arrival_t *arrival) noexcept nogil:
    if _is_refused(arrival):
        _refuse_unavailable(arrival)
    else:
        _release(arrival)


cdef void _refuse_unavailable(arrival_t *arrival) noexcept nogil:
    if arrival.link != NULL and arrival.link.kind == LINK_ENDPOINT:
        _refuse(arrival, rejection(b"amqp:not-found", b"Node not found"))
    else:
        _refuse(arrival, plain_outcome(PN_RELEASED))


cdef int _priority(arrival_t *arrival, entry_t *entry) noexcept nogil:
    return entry.priority if entry.priority >= 0 else arrival.content.head.priority


cdef bint _on_control(arrival_t *arrival) noexcept nogil:
    return arrival.control or (arrival.link != NULL and arrival.link.kind == LINK_CONTROL)


cdef choice_t _choose(arrival_t *arrival, entry_t *entry) noexcept nogil:
    if entry.treatment == TREATMENT_CLOSEST:
        return choose_closest(arrival.content.forwarder, entry, arrival)
    return choose_balanced(arrival.content.forwarder, entry, arrival, _priority(arrival, entry))


cdef void _anycast(arrival_t *arrival, entry_t *entry) noexcept nogil:
    if not _take_a_way(arrival, entry):
        _release(arrival)


cdef bint _take_a_way(arrival_t *arrival, entry_t *entry) noexcept nogil:
    """Send one copy; the arrival may be gone then. False: there is no way."""
    cdef choice_t choice = _choose(arrival, entry)
    cdef copy_t *copy
    while choice.link != NULL or choice.neighbor != NO_NEIGHBOR:
        copy = copy_new(arrival)
        if copy == NULL:
            return False
        if choice.link != NULL:
            _send_to_consumer(copy, arrival, entry, choice.link)
            return True
        if _send_to_neighbor(copy, arrival, entry, choice.neighbor):
            return True
        copy_undo(copy)                     # control does not know yet that this neighbor is lost
        if not arrival.content.retained or not resend_note_neighbor(arrival, choice.neighbor):
            return False
        choice = _choose(arrival, entry)
    return False


cdef void _multicast(arrival_t *arrival, entry_t *entry) noexcept nogil:
    """A copy for each consumer here and for each next hop. They are all made before any is sent, so that none can end
    the arrival while the others are missing."""
    cdef forwarder_t *forwarder = arrival.content.forwarder
    cdef link_t *link
    cdef copy_t *copy
    cdef uint32_t i
    cdef bint to_uplink = False
    arrival.multicast = True
    choose_neighbors(forwarder, entry, arrival, entry.treatment == TREATMENT_FLOOD)
    arrival.open_copies = 1                 # held by this function
    for i in range(entry.consumer_count):
        link = entry.consumers[i]
        if echoes(link, arrival):
            continue
        if arrival.control and link.kind == LINK_PROCESS:
            continue                        # a router does not hear its own control messages
        copy = copy_new(arrival)
        if copy != NULL:
            _count_egress(copy, entry, link)
            _place(copy, arrival, link)
            to_uplink = to_uplink or _leads_up(link)
    if not forwarder.interior and not to_uplink and not is_from_edge_mesh(arrival) and entry.key[0] == c"M":
        _copy_to_uplink(arrival)
    for i in range(forwarder.neighbor_count):
        if forwarder.neighbors[i].chosen:
            copy = copy_new(arrival)
            if copy != NULL and not _place_for_neighbor(copy, arrival, entry, i):
                copy_undo(copy)
    arrival.open_copies -= 1
    if arrival.copies == NULL:
        arrival.multicast = False
        _refuse(arrival, plain_outcome(PN_RELEASED))
        return
    push_copies(arrival)


cdef bint _leads_up(const link_t *link) noexcept nogil:
    cdef const links_t *links = links_behind(link)
    return links != NULL and links.peer == PEER_EDGE


cdef void _copy_to_uplink(arrival_t *arrival) noexcept nogil:
    """What is for all goes into the network too, where no proxy has taken it there."""
    cdef entry_t *uplink = _uplink(arrival.content.forwarder)
    cdef copy_t *copy
    if uplink == NULL or uplink.consumer_count == 0:
        return
    copy = copy_new(arrival)
    if copy != NULL:
        _place(copy, arrival, uplink.consumers[0])


cdef bint _is_shared_way(const link_t *link) noexcept nogil:
    """Whether deliveries to many addresses take this link, so that a slow one would hold up others."""
    return link.kind == LINK_EDGE_DOWNLINK or link.kind == LINK_INTER_EDGE or (link.entry != NULL and link.entry.uplink)


cdef void _place(copy_t *copy, arrival_t *arrival, link_t *link) noexcept nogil:
    """Queue a copy for a consumer, without pushing; a stream to another router takes a link of its own."""
    cdef links_t *links = <links_t *>links_behind(link)
    copy.consumer = link.handle
    if links == NULL or not links.streams or arrival.content.complete or not (
            arrival.content.head.flags & FLAG_STREAMING or _is_shared_way(link)):
        copy_join(copy, link)
        return
    link.moved_count += 1
    copy.moved = True
    place_stream(links, copy)


cdef void _count_egress(copy_t *copy, entry_t *entry, link_t *link) noexcept nogil:
    if link.kind == LINK_PROCESS:
        entry.deliveries_to_container += 1
        return
    copy.origin = origin_of(copy.forwarder, copy.arrival)
    if _is_local(link):
        count_egress(link, entry)


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
            place_stream(streaming_connection(neighbor), copy)
            _count_transit(arrival, entry)
            return True
        if channel == NULL and not arrival.content.complete:
            channel = channel_new(forwarder, entry, slot)
        if channel != NULL:
            _track(copy, entry, slot)
            place_in_channel(copy, channel)
            _count_transit(arrival, entry)
            return True
        link = priority_link(forwarder, slot, _priority(arrival, entry))
    if link == NULL:
        return False
    _track(copy, entry, slot)
    copy_join(copy, link)
    _count_transit(arrival, entry)
    return True


cdef void _send_to_consumer(copy_t *copy, arrival_t *arrival, entry_t *entry, link_t *link) noexcept nogil:
    _count_egress(copy, entry, link)
    _place(copy, arrival, link)
    if copy.link != NULL:
        copy.link.ops.push(copy.link)


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
