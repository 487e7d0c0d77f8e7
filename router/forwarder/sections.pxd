"""Native face of the message head: annotations, priority and `to` in, annotations out."""

from libc.stdint cimport uint8_t

from skrouter.router.forwarder.model cimport content_t, forwarder_t, head_t, link_t

cdef enum head_result:
    HEAD_DONE                   # everything that the head can say is known
    HEAD_MORE                   # octets are missing
    HEAD_INVALID                # no message, or annotations that break the rules

cdef enum:
    PREFIX_LIMIT = 8192         # octets of annotations that are written at most

# Read the leading sections. `annotated`: a router annotations section may come first.
cdef head_result read_head(const uint8_t *data, size_t length, bint annotated, head_t *head) noexcept nogil
# Write the annotations of a copy that came over `origin` (NULL: unknown) and leaves on `out`; their length, 0 if they do not
# fit PREFIX_LIMIT.
cdef size_t write_annotations(const content_t *content, const link_t *origin, const link_t *out, uint8_t *buffer) noexcept nogil
