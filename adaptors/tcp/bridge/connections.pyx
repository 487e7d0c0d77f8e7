"""The connection table of the TCP adaptor. Nothing is kept for it: rows are read from the flows."""

from skrouter.adaptors.tcp.bridge.model cimport (
    FLOW_CONNECTING,
    FLOW_DEAD,
    FLOW_DRAIN,
    FLOW_HEAD,
    FLOW_LINGER,
    FLOW_OPEN,
    FLOW_PREFACE,
    FLOW_TLS,
    address_t,
    flow_t,
)
from skrouter.adaptors.tcp.bridge.notices cimport address_text
from skrouter.amqp.engine.tls cimport tls_facts

from skrouter.amqp import _proton  # noqa: F401


cdef extern from "sys/socket.h" nogil:
    ctypedef unsigned int socklen_t
    struct sockaddr:
        pass
    int getsockname(int fd, sockaddr *address, socklen_t *size)


cdef str _state(const flow_t *flow):
    return {
        FLOW_PREFACE: "opening", FLOW_HEAD: "opening", FLOW_CONNECTING: "connecting", FLOW_TLS: "handshake", FLOW_OPEN: "open",
        FLOW_DRAIN: "draining", FLOW_LINGER: "closing", FLOW_DEAD: "closed",
    }[flow.state]


cdef str _local(const flow_t *flow):
    cdef address_t local
    cdef socklen_t size = sizeof(local.octets)
    if flow.stream.watch.fd < 0 or getsockname(flow.stream.watch.fd, <sockaddr *>local.octets, &size) != 0:
        return ""
    local.size = size
    return address_text(&local)


cdef tuple _row(const flow_t *flow):
    cdef bint incoming = flow.service != NULL
    tls = None
    if flow.stream.tls != NULL and flow.stream.tls.ready:
        tls = tls_facts(flow.stream.tls)
    return (
        flow.handle,
        flow.service.handle if incoming else flow.server.handle,
        "in" if incoming else "out",
        address_text(&flow.peer),
        _local(flow),
        (<const char *>flow.address.at)[:flow.address.length].decode("utf-8", "replace"),
        flow.opened_at / 1000,
        flow.octets_in,
        flow.octets_out,
        _state(flow),
        tls,
    )


cdef list connection_rows(bridge_t *bridge):
    cdef flow_t *flow = bridge.flows
    rows = []
    while flow != NULL:
        if flow.counted and flow.state != FLOW_DEAD:
            rows.append(_row(flow))
        flow = flow.next
    return rows
