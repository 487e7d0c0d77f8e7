"""Native face of termini: sources and targets between control and proton."""

from skrouter.amqp.engine.proton_api cimport pn_terminus_t

# The fields of skrouter.amqp.events.RawTerminus.
cdef object terminus_fields(pn_terminus_t *terminus)
# (address, durability, expiry policy, timeout, dynamic, capabilities, properties, filter) to proton.
cdef int set_terminus(pn_terminus_t *terminus, int kind, object fields) except -1
# The peer's terminus back to it; with our address where it asked for one, or session-end where it has none.
cdef int answer_terminus(pn_terminus_t *local, int kind, pn_terminus_t *remote, str address) except -1
