"""Copies in order: into and out of a list with two ends (of a link, or a `queue_t`). For the compiler to put in place."""

from skrouter.router.forwarder.model cimport copy_t


cdef inline void queue_append(copy_t **first, copy_t **last, copy_t *copy) noexcept nogil:
    copy.next = NULL
    copy.previous = last[0]
    if last[0] != NULL:
        last[0].next = copy
    else:
        first[0] = copy
    last[0] = copy


cdef inline void queue_remove(copy_t **first, copy_t **last, copy_t *copy) noexcept nogil:
    if copy.next != NULL:
        copy.next.previous = copy.previous
    else:
        last[0] = copy.previous
    if copy.previous != NULL:
        copy.previous.next = copy.next
    else:
        first[0] = copy.next
    copy.next = copy.previous = NULL
