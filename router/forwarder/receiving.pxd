"""Native face of incoming AMQP deliveries."""

from skrouter.amqp.engine.proton_api cimport pn_delivery_t
from skrouter.router.forwarder.model cimport arrival_t, link_t, links_t, outcome_t

# Proton has news of a delivery of an incoming link: octets, the sender's settlement, or both.
cdef void incoming_delivery(link_t *link, pn_delivery_t *delivery) noexcept nogil
# Read on where back-pressure has ended.
cdef void resume_all(links_t *links) noexcept nogil
# link_ops_t.resume, credit, outcome of AMQP links.
cdef void queue_resume(arrival_t *arrival) noexcept nogil
cdef void replace_credit(link_t *link) noexcept nogil
cdef void ask_credit_back(link_t *link) noexcept nogil
cdef void take_credit_back(link_t *link) noexcept nogil
cdef void tell_sender(arrival_t *arrival, const outcome_t *outcome, bint settle) noexcept nogil
