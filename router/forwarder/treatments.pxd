"""Native face of the treatments: where a delivery goes."""

from libc.stdint cimport uint32_t

from skrouter.router.forwarder.model cimport arrival_t, entry_t, forwarder_t, link_t, links_t

cdef struct choice_t:           # of an anycast treatment: a consumer here, or a next hop; neither: nowhere
    link_t *link
    int neighbor

cdef choice_t choose_closest(forwarder_t *forwarder, entry_t *entry, const arrival_t *arrival) noexcept nogil
cdef choice_t choose_balanced(forwarder_t *forwarder, entry_t *entry, const arrival_t *arrival, int priority) noexcept nogil
# Marks `chosen` on every neighbor that gets a copy; consumers all get one.
cdef void choose_neighbors(forwarder_t *forwarder, entry_t *entry, const arrival_t *arrival, bint flood) noexcept nogil
# Whether a consumer's link must not get this delivery: it, or who is behind it, has or gets it otherwise.
cdef bint echoes(const link_t *link, const arrival_t *arrival) noexcept nogil
# Whether it came over an uplink; over an uplink or from another edge router.
cdef bint is_from_edge(const arrival_t *arrival) noexcept nogil
cdef bint is_from_edge_mesh(const arrival_t *arrival) noexcept nogil
# Links of the connection that a link belongs to; NULL for those of adaptors and of this process.
cdef const links_t *links_behind(const link_t *link) noexcept nogil
# The index of the router where the message entered the network; 0: here, or a router that is not known.
cdef uint32_t origin_of(forwarder_t *forwarder, const arrival_t *arrival) noexcept nogil
# Whether the trace of the message names this router: it has been here before.
cdef bint is_loop(forwarder_t *forwarder, const arrival_t *arrival) noexcept nogil
# The link of a neighbor for a priority: that one, or the next lower that is there.
cdef link_t *priority_link(forwarder_t *forwarder, int neighbor, int priority) noexcept nogil
