"""Native face of windows: how far a socket's reader may be ahead of the other side's writer (ADR 0027)."""

from libc.stdint cimport uint32_t, uint64_t

from skrouter.adaptors.tcp.bridge.model cimport flow_t

# How many octets may be read from the socket now.
cdef size_t window_room(flow_t *flow) noexcept nogil
# `size` octets were read.
cdef void window_read(flow_t *flow, size_t size) noexcept nogil
# The other side has written all up to `offset`, and permits so many KiB ahead of it; 0: it says nothing of that.
cdef void window_acknowledged(flow_t *flow, uint64_t offset, uint32_t permit) noexcept nogil
# Whether the other side should hear now how much the socket has taken.
cdef bint window_report_is_due(const flow_t *flow) noexcept nogil
# What to permit the other side with a report, in KiB; it is counted against the bridge's budget until window_free.
cdef uint32_t window_permit(flow_t *flow) noexcept nogil
cdef void window_free(flow_t *flow) noexcept nogil
