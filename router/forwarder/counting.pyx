"""What is counted of deliveries: where from, where to, how many a second, and how late (spec: management §3).

A delivery counts on both of its links when it ends there; in the router's totals its copies count. Streams are never late.
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.stdlib cimport realloc
from libc.string cimport memset

from skrouter.router.forwarder.model cimport (
    LINK_EDGE_DOWNLINK,
    LINK_ENDPOINT,
    LINK_INTER_EDGE,
    PEER_CONTAINER,
    PEER_INTER_NETWORK,
    RATE_SECONDS,
    forwarder_t,
    links_t,
    metrics_t,
    peer_counts_t,
    peer_kind,
    rate_t,
)

cdef enum:
    DELAYED = 1000              # milliseconds
    VERY_DELAYED = 10000
    SECOND = 1000


# --- from and to whom

cdef peer_counts_t *_of_peer(link_t *link, peer_counts_t *container, peer_counts_t *network) noexcept nogil:
    """Which of the two counts what passes this link; NULL: neither."""
    cdef peer_kind peer
    if link.connection == NULL:
        return NULL
    peer = (<links_t *>link.connection.links).peer
    if peer == PEER_CONTAINER:
        return container
    return network if peer == PEER_INTER_NETWORK else NULL


cdef void count_ingress(link_t *link, entry_t *entry) noexcept nogil:
    cdef metrics_t *metrics = &link.forwarder.metrics
    cdef peer_counts_t *counts = _of_peer(link, &metrics.route_container, &metrics.inter_network)
    metrics.deliveries_ingress += 1
    if counts != NULL:
        counts.ingress += 1
    if entry == NULL:
        return
    entry.deliveries_ingress += 1
    if counts != NULL:
        _of_peer(link, &entry.route_container, &entry.inter_network).ingress += 1


cdef void count_egress(link_t *link, entry_t *entry) noexcept nogil:
    cdef metrics_t *metrics = &link.forwarder.metrics
    cdef peer_counts_t *counts = _of_peer(link, &metrics.route_container, &metrics.inter_network)
    metrics.deliveries_egress += 1
    entry.deliveries_egress += 1
    if counts != NULL:
        counts.egress += 1
        _of_peer(link, &entry.route_container, &entry.inter_network).egress += 1


# --- ends

cdef void count_arrival_end(arrival_t *arrival) noexcept nogil:
    cdef link_t *link = arrival.link
    if link == NULL:
        return
    if arrival.stuck:
        link.stuck_count -= 1
        link.forwarder.metrics.deliveries_stuck -= 1
    if arrival.content.aborted:
        return
    _count_second(&link.rate, link.forwarder.engine.now // SECOND)
    if not arrival.streams:
        _count_delay(link, link.forwarder.engine.now - arrival.arrived)


cdef void count_copy_end(copy_t *copy) noexcept nogil:
    cdef forwarder_t *forwarder = copy.forwarder
    cdef link_t *link = copy.link
    cdef int64_t age = forwarder.engine.now - copy.arrived
    if link == NULL:
        return
    if copy.stuck:
        link.stuck_count -= 1
        forwarder.metrics.deliveries_stuck -= 1
    if copy.started:
        _count_second(&link.rate, forwarder.engine.now // SECOND)
        _count_origin(link, copy.origin)
    if copy.streams:
        return
    _count_delay(link, age)
    if age >= VERY_DELAYED:
        forwarder.metrics.deliveries_delayed_10s += 1
    elif age >= DELAYED:
        forwarder.metrics.deliveries_delayed_1s += 1


cdef void _count_delay(link_t *link, int64_t age) noexcept nogil:
    if age >= VERY_DELAYED:
        link.delayed_10s_count += 1
    elif age >= DELAYED:
        link.delayed_1s_count += 1


cdef bint has_histogram(const link_t *link) noexcept nogil:
    return link.outgoing and (
        link.kind == LINK_ENDPOINT or link.kind == LINK_EDGE_DOWNLINK or link.kind == LINK_INTER_EDGE)


cdef void _count_origin(link_t *link, uint32_t origin) noexcept nogil:
    """The histogram grows to the greatest index seen; without memory it is not counted."""
    cdef uint64_t *grown
    if not has_histogram(link):
        return
    if origin >= link.ingress_size:
        grown = <uint64_t *>realloc(link.ingress, (origin + 1) * sizeof(uint64_t))
        if grown == NULL:
            return
        memset(grown + link.ingress_size, 0, (origin + 1 - link.ingress_size) * sizeof(uint64_t))
        link.ingress = grown
        link.ingress_size = origin + 1
    link.ingress[origin] += 1


# --- rates

cdef void _turn(rate_t *rate, int64_t second) noexcept nogil:
    """Forget the seconds that have passed out of sight."""
    cdef int64_t passed
    if second - rate.second >= RATE_SECONDS:
        memset(rate.counts, 0, sizeof(rate.counts))
    else:
        for passed in range(rate.second + 1, second + 1):
            rate.counts[passed % RATE_SECONDS] = 0
    rate.second = second


cdef void _count_second(rate_t *rate, int64_t second) noexcept nogil:
    if second != rate.second:
        _turn(rate, second)
    rate.counts[second % RATE_SECONDS] += 1


cdef uint32_t settle_rate(link_t *link) noexcept nogil:
    cdef uint64_t total = 0
    cdef int i
    _turn(&link.rate, link.forwarder.engine.now // SECOND)
    for i in range(RATE_SECONDS):
        total += link.rate.counts[i]
    return <uint32_t>(total // RATE_SECONDS)
