"""Native face of the bridge object."""

from skrouter.adaptors.tcp.bridge.model cimport bridge_t, server_t, service_t
from skrouter.router.forwarder.forwarder cimport Forwarder

cdef class Bridge:
    cdef bridge_t *native           # owner: this object
    cdef Forwarder forwarder
    cdef dict _contexts             # handle -> TlsContext that the native side borrows
    cdef set _listeners             # handles that may be used
    cdef set _connectors
    cdef service_t *_service(self, object handle) except NULL
    cdef server_t *_server(self, object handle) except NULL
