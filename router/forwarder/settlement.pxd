"""Native face of settlement: outcomes on their way from a copy back to the sender."""

from libc.stdint cimport uint64_t

from skrouter.router.forwarder.model cimport arrival_t, copy_t, outcome_t

# The receiver's state of a copy; `settled`: it has settled too, and the copy is gone afterwards
# (its transport settles its own object behind this call: the outcome may point into it).
cdef void copy_outcome(copy_t *copy, const outcome_t *outcome, bint settled) noexcept nogil
# This router decides: tell the sender at once and settle. The arrival may be gone afterwards.
cdef void arrival_finish(arrival_t *arrival, const outcome_t *outcome) noexcept nogil
# An outcome of this state and nothing else.
cdef outcome_t plain_outcome(uint64_t state) noexcept nogil
cdef outcome_t rejection(const char *condition, const char *description) noexcept nogil
# What a sender learns when the way to the receiver breaks behind a delivery that may have been seen.
cdef outcome_t failed_outcome() noexcept nogil
# Release what an arrival holds; see deliveries.pxd.
cdef void arrival_free(arrival_t *arrival) noexcept nogil
cdef void copy_free(copy_t *copy) noexcept nogil
# The arrival has lost a copy without news for its sender: end it if that was the last.
cdef void arrival_check(arrival_t *arrival) noexcept nogil
