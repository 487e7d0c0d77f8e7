"""Native face of the forwarder object."""

from libc.stdint cimport uint32_t, uint64_t

from skrouter.amqp.engine.poller cimport Engine
from skrouter.amqp.engine.proton_api cimport pn_session_t
from skrouter.amqp.engine.model cimport connection_t, protocol_t
from skrouter.router.forwarder.model cimport entry_t, forwarder_t, link_t, links_t, neighbor_t, router_t

cdef class Forwarder:
    cdef forwarder_t *native    # owner: this object
    cdef protocol_t protocol    # what the engine calls; lives as long as this object
    cdef Engine engine
    cdef object _is_refused     # kept alive for native.is_refused
    cdef object _is_allowed     # kept alive for native.is_allowed

    cdef link_t *_link(self, uint64_t handle) except NULL
    cdef entry_t *_entry(self, uint64_t handle) except NULL
    cdef connection_t *_connection(self, uint64_t handle) except NULL
    cdef links_t *_links(self, uint64_t connection) except NULL
    cdef router_t *_router(self, uint32_t index) except NULL
    cdef neighbor_t *_neighbor(self, uint32_t slot) except NULL
    cdef int _set_up(self, link_t *link, int kind, int capacity, int credit, uint64_t entry, bint annotated,
                     bint withheld, int priority, str address) except -1
    cdef int _point(self, link_t *link, entry_t *entry) except -1
    cdef int _remember_address(self, link_t *link, str address) except -1
    cdef int _detach(self, link_t *link, str condition, str description) except -1
    cdef pn_session_t *_session(self, links_t *links, int number) except NULL
