"""Closest, balanced, multicast: one function each (spec: routing-protocol §5.2 to §5.6)."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp

from skrouter.amqp.engine.octets cimport read_u32
from skrouter.router.forwarder.model cimport (
    LINK_CONTROL,
    LINK_PROCESS,
    NO_NEIGHBOR,
    PEER_CONTAINER,
    PEER_EDGE,
    PEER_INTER_EDGE,
    PEER_NONE,
    links_t,
    neighbor_t,
    router_t,
    slice_t,
)
from skrouter.router.forwarder.resend cimport link_was_tried, neighbor_was_tried
from skrouter.router.forwarder.tables cimport router_index


cdef choice_t _nowhere() noexcept nogil:
    cdef choice_t choice
    choice.link = NULL
    choice.neighbor = NO_NEIGHBOR
    return choice


# --- trace and origin

cdef size_t _next_node(const uint8_t *data, size_t at, slice_t *node) noexcept nogil:
    """One string of the trace (read_head has checked them); returns where the next begins."""
    if data[at] == 0xA1:
        node.start = at + 2
        node.length = data[at + 1]
    else:
        node.start = at + 5
        node.length = read_u32(data + at + 1)
    return node.start + node.length


cdef bint is_loop(forwarder_t *forwarder, const arrival_t *arrival) noexcept nogil:
    cdef const uint8_t *data
    cdef slice_t node
    cdef size_t at
    cdef uint32_t i
    if arrival.content.first == NULL:
        return False
    data = arrival.content.first.data
    at = arrival.content.head.trace.start
    for i in range(arrival.content.head.trace_count):
        at = _next_node(data, at, &node)
        if node.length == forwarder.node_length and memcmp(data + node.start, forwarder.node, node.length) == 0:
            return True
    return False


cdef void _exclude_trace(forwarder_t *forwarder, const arrival_t *arrival) noexcept nogil:
    """Mark every neighbor that the message has passed, and forget the marks of the last multicast."""
    cdef const uint8_t *data = arrival.content.first.data if arrival.content.first != NULL else NULL
    cdef slice_t node
    cdef size_t at = arrival.content.head.trace.start
    cdef uint32_t i, index
    for i in range(forwarder.neighbor_count):
        forwarder.neighbors[i].excluded = False
        forwarder.neighbors[i].chosen = False
    for i in range(arrival.content.head.trace_count):
        at = _next_node(data, at, &node)
        index = router_index(forwarder, <const char *>data + node.start, node.length)
        if index and forwarder.routers[index].neighbor != NO_NEIGHBOR:
            forwarder.neighbors[forwarder.routers[index].neighbor].excluded = True


cdef uint32_t origin_of(forwarder_t *forwarder, const arrival_t *arrival) noexcept nogil:
    cdef const slice_t *ingress = &arrival.content.head.ingress
    if not ingress.present:
        return 0
    return router_index(forwarder, <const char *>arrival.content.first.data + ingress.start, ingress.length)


cdef bint _may_pass(const router_t *router, uint32_t origin) noexcept nogil:
    """Whether a message from `origin` reaches `router` through here; what entered here always may."""
    if not router.known or router.neighbor == NO_NEIGHBOR:
        return False
    if origin == 0:
        return True
    return origin // 64 < router.origin_words and (router.origins[origin // 64] >> (origin % 64)) & 1


cdef link_t *priority_link(forwarder_t *forwarder, int neighbor, int priority) noexcept nogil:
    while priority >= 0:
        if forwarder.neighbors[neighbor].priority_links[priority] != NULL:
            return forwarder.neighbors[neighbor].priority_links[priority]
        priority -= 1
    return NULL


# --- anycast

cdef const links_t *links_behind(const link_t *link) noexcept nogil:
    return <const links_t *>link.connection.links if link != NULL and link.connection != NULL else NULL


cdef bint is_from_edge(const arrival_t *arrival) noexcept nogil:
    cdef const links_t *links = links_behind(arrival.link)
    return links != NULL and links.peer == PEER_EDGE


cdef bint is_from_edge_mesh(const arrival_t *arrival) noexcept nogil:
    cdef const links_t *links = links_behind(arrival.link)
    return links != NULL and (links.peer == PEER_EDGE or links.peer == PEER_INTER_EDGE)


cdef bint _is_in_mesh(const links_t *links, const arrival_t *arrival) noexcept nogil:
    """Whether the message entered at an edge router of the mesh that these links lead to."""
    cdef const slice_t *mesh = &arrival.content.head.mesh
    return mesh.present and links.mesh_length != 0 and mesh.length == links.mesh_length and memcmp(
        arrival.content.first.data + mesh.start, links.mesh, links.mesh_length) == 0


cdef bint echoes(const link_t *link, const arrival_t *arrival) noexcept nogil:
    """A router gets nothing back that it has sent, nor does its edge mesh; and what came over one way to consumers
    elsewhere does not leave over another (spec: routing-protocol §5.3)."""
    cdef const links_t *links = links_behind(link)
    if links == NULL or links.peer == PEER_NONE or links.peer == PEER_CONTAINER:
        return False
    if links == links_behind(arrival.link):
        return True
    if links.peer == PEER_EDGE and _is_in_mesh(links, arrival):
        return True
    return link.proxy and is_from_edge_mesh(arrival)


cdef int _distance(const link_t *link) noexcept nogil:
    """Of a consumer, as `closest` sees it: in this process, at this router, somewhere behind a proxy."""
    if link.kind == LINK_PROCESS:
        return 0
    return 2 if link.proxy else 1


cdef choice_t choose_closest(forwarder_t *forwarder, entry_t *entry, const arrival_t *arrival) noexcept nogil:
    """A subscriber in this process, else a consumer here, in turn, else a proxy; else the routers of the lowest cost, in turn."""
    cdef choice_t choice = _nowhere()
    cdef link_t *link
    cdef uint32_t i, place
    cdef uint32_t turn = 0
    for i in range(entry.consumer_count):
        place = (entry.consumer_turn + i) % entry.consumer_count
        link = entry.consumers[place]
        if echoes(link, arrival) or link_was_tried(arrival, link.handle):
            continue
        if choice.link == NULL or _distance(link) < _distance(choice.link):
            choice.link = link
            turn = place + 1
    if choice.link != NULL:
        entry.consumer_turn = turn
        return choice
    choice.neighbor = _closest_router(forwarder, entry, arrival)
    return choice


cdef bint _is_control(const arrival_t *arrival) noexcept nogil:
    return arrival.control or (arrival.link != NULL and arrival.link.kind == LINK_CONTROL)


cdef int _closest_router(forwarder_t *forwarder, entry_t *entry, const arrival_t *arrival) noexcept nogil:
    # A control message has one receiver and repairs stale views: judging it by such a view would keep it stale.
    cdef uint32_t origin = 0 if _is_control(arrival) else origin_of(forwarder, arrival)
    cdef int found = NO_NEIGHBOR
    cdef uint32_t best = 0xFFFFFFFF
    cdef uint32_t turn = 0
    cdef uint32_t i, place
    cdef router_t *router
    for i in range(entry.router_count):
        place = (entry.router_turn + i) % entry.router_count
        router = &forwarder.routers[entry.routers[place]]
        if router.cost < best and _may_pass(router, origin) and not neighbor_was_tried(arrival, router.neighbor):
            best = router.cost
            found = router.neighbor
            turn = place + 1
    entry.router_turn = turn
    return found


cdef choice_t choose_balanced(forwarder_t *forwarder, entry_t *entry, const arrival_t *arrival, int priority) noexcept nogil:
    """The least loaded of all candidates with room; a remote one carries its cost as load. None with room: the least loaded."""
    cdef choice_t choice = _nowhere()
    cdef link_t *link
    cdef uint32_t i, place
    cdef int64_t value
    cdef int64_t best = -1
    cdef bint best_eligible = False
    cdef bint eligible
    for i in range(entry.consumer_count):
        place = (entry.consumer_turn + i) % entry.consumer_count
        link = entry.consumers[place]
        if echoes(link, arrival) or link.kind == LINK_PROCESS or link_was_tried(arrival, link.handle):
            continue
        value = link.undelivered_count + link.unsettled_count + link.moved_count
        eligible = link.capacity > value
        if best < 0 or (eligible and (not best_eligible or value < best)) or (
                not eligible and not best_eligible and value <= best):
            best = value
            best_eligible = eligible
            choice.link = link
        if eligible and value == 0:
            entry.consumer_turn = place + 1
            return choice
    return _balance_remote(forwarder, entry, arrival, priority, choice, best, best_eligible)


cdef choice_t _balance_remote(forwarder_t *forwarder, entry_t *entry, const arrival_t *arrival, int priority,
                              choice_t choice, int64_t best, bint best_eligible) noexcept nogil:
    cdef uint32_t origin = origin_of(forwarder, arrival)
    cdef router_t *router
    cdef link_t *link
    cdef uint32_t turn = entry.router_turn
    cdef uint32_t i, place
    cdef int64_t value
    cdef bint eligible
    for i in range(entry.router_count):
        place = (entry.router_turn + i) % entry.router_count
        router = &forwarder.routers[entry.routers[place]]
        if not _may_pass(router, origin) or neighbor_was_tried(arrival, router.neighbor):
            continue
        link = priority_link(forwarder, router.neighbor, priority)
        if link == NULL:
            continue
        value = 0
        if <uint32_t>router.neighbor < entry.outstanding_size:
            value = entry.outstanding[router.neighbor]
        eligible = link.capacity > value
        value += router.cost
        if best < 0 or (eligible and (not best_eligible or value < best)) or (
                not eligible and not best_eligible and value < best):
            best = value
            best_eligible = eligible
            choice.link = NULL
            choice.neighbor = router.neighbor
            turn = place + 1                # the turn tells among equals what settlement counts do not: pre-settled ones
    entry.router_turn = turn
    return choice


# --- multicast

cdef void choose_neighbors(forwarder_t *forwarder, entry_t *entry, const arrival_t *arrival, bint flood) noexcept nogil:
    """One copy for each next hop on the way to some remote consumer; a flood goes whichever way it has not been."""
    cdef uint32_t origin = origin_of(forwarder, arrival)
    cdef router_t *router
    cdef neighbor_t *neighbor
    cdef uint32_t i
    _exclude_trace(forwarder, arrival)
    for i in range(entry.router_count):
        router = &forwarder.routers[entry.routers[i]]
        if not _may_pass(router, 0 if flood else origin):
            continue
        neighbor = &forwarder.neighbors[router.neighbor]
        if not neighbor.excluded:
            neighbor.chosen = True
