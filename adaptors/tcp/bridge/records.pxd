"""Native face of flow records: facts of connections and requests, kept until Python takes them (ADR 0025)."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from skrouter.adaptors.tcp.bridge.model cimport address_t, bridge_t, flow_t, record_kind, record_t
from skrouter.router.forwarder.model cimport head_t

# A record of a connection or a request, begun now; fill it in, then touch it. NULL: none is to be made.
cdef record_t *record_begin(bridge_t *bridge, record_kind kind, uint64_t parent) noexcept nogil
# Additions of a server's side to the record of this identity. NULL: it is no identity, or none is to be made.
cdef record_t *record_begin_co(bridge_t *bridge, const uint8_t *identity, uint32_t length, uint64_t parent) noexcept nogil
# It has changed: let Python take it at the next tick of its slot.
cdef void record_touch(bridge_t *bridge, record_t *record) noexcept nogil
# Nothing more will be written to it; it may be gone afterwards.
cdef void record_end(bridge_t *bridge, record_t *record) noexcept nogil
# Octets have moved, `asked`: from the side that asks. The first ones each way give the latency; who has begun the record counts
# octets, but for a connection, whose flow does.
cdef void record_octets(bridge_t *bridge, record_t *record, bint asked) noexcept nogil
# Why this side failed: "condition (description)"; the first reason stays.
cdef void record_error(record_t *record, const char *condition, const char *description) noexcept nogil
# Routers on the way of a client stream, as its annotations tell.
cdef void record_trace(record_t *record, const head_t *head, const uint8_t *octets) noexcept nogil
# "<source>:<number>" into a buffer of IDENTITY_LIMIT octets; its length.
cdef uint32_t record_identity(const bridge_t *bridge, const record_t *record, char *text) noexcept nogil
# [Row], as bridge.pyi tells: what has changed in a slot. Ended ones are freed by that.
cdef list records_take(bridge_t *bridge, uint32_t slot)
# Free everything; no flow may be left.
cdef void records_close(bridge_t *bridge) noexcept nogil
