"""Native face of the pump: what the layer above needs to put AMQP values in and out, and the Python face."""

from libc.stdint cimport uint64_t

from skrouter.amqp.engine.model cimport connection_t
from skrouter.amqp.engine.poller cimport Engine
from skrouter.amqp.engine.proton_api cimport pn_data_t
from skrouter.amqp.engine.trace cimport trace_log_t

cdef bytes encoded_data(pn_data_t *data)
cdef int decode_into(pn_data_t *data, bytes encoded) except -1

cdef class Connections:
    cdef Engine engine
    cdef dict _contexts             # listener handle -> TlsContext
    cdef trace_log_t *_traced       # owner: this; NULL until a connection is traced
    cdef connection_t *_find(self, uint64_t handle) except NULL
