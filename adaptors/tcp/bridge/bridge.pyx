"""The Python face of the TCP bridge: services and servers come and go; their connections never touch Python."""

cimport cython
from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from skrouter.adaptors.tcp.bridge.accept cimport (
    service_close,
    service_free,
    service_new,
    service_offer,
    service_open,
)
from skrouter.adaptors.tcp.bridge.connect cimport server_close, server_free, server_new
from skrouter.adaptors.tcp.bridge.connections cimport connection_rows
from skrouter.adaptors.tcp.bridge.flow cimport flow_drop, flow_fail, flow_free, inbound_ops, text_set
from skrouter.adaptors.tcp.bridge.model cimport (
    END_DELETED,
    END_FORCED,
    ENDINGS,
    HALF_CLOSED_TIME,
    LISTEN_PLACES,
    SOURCE_LENGTH,
    TEXT_LIMIT,
    address_t,
    counters_t,
    flow_t,
    observed,
    proxy_use,
)
from skrouter.adaptors.tcp.bridge.notices cimport notices_close, notices_open, notices_take
from skrouter.adaptors.tcp.bridge.records cimport records_close, records_take
from skrouter.amqp.engine.poller cimport HANDLE_ADAPTOR, engine_find
from skrouter.amqp.engine.tls_context cimport TlsContext, tls_context_t
from skrouter.router.forwarder.deliveries cimport link_lost
from skrouter.router.forwarder.links cimport link_free, link_new
from skrouter.router.forwarder.model cimport LINK_ADAPTOR

from libc.errno cimport errno

from skrouter.amqp import _proton  # noqa: F401

MEMORY_CEILING = 4 << 30            # octets (spec: tcp-adaptor §3.4)
NOTICE_KINDS = ("connect failed", "TLS failed", "accept failed", "ended", "PROXY header refused")    # by number of notice_kind
ENDING_NAMES = (                    # by number of ending
    "orderly", "reset", "aborted", "refused", "connect failed", "TLS failed", "PROXY header refused", "deleted", "forced", "timeout",
)
OBSERVERS = ("auto", "none", "http1", "http2")  # by number of observed
PROXY_USES = ("none", "pass", "accept")    # by number of proxy_use


class GoneError(LookupError):
    """The handle names something that is no longer there."""


cdef const tls_context_t *_context_of(TlsContext tls) noexcept:
    return NULL if tls is None else tls.context


cdef bytes _text(str text, str what):
    encoded = text.encode()
    if len(encoded) > TEXT_LIMIT:
        raise ValueError(f"{what} of {len(encoded)} octets: at most {TEXT_LIMIT} are possible")
    return encoded


cdef tuple _counters(const counters_t *counters, uint32_t flows):
    return counters.opened, counters.closed, counters.octets_in, counters.octets_out, flows


# no_gc_clear: flows need the forwarder until they are closed, also when both die in one cycle.
@cython.no_gc_clear
cdef class Bridge:
    """The TCP services of one router on one engine. Python face: see bridge.pyi."""

    def __cinit__(self, Forwarder forwarder not None, str reply_prefix not None, uint64_t memory_ceiling=MEMORY_CEILING):
        cdef bytes prefix = _text(reply_prefix, "reply prefix")
        self.forwarder = forwarder
        self._contexts = {}
        self._listeners = set()
        self._connectors = set()
        self.native = <bridge_t *>calloc(1, sizeof(bridge_t))
        if self.native == NULL:
            raise MemoryError()
        self.native.notice_fd = -1
        self.native.engine = forwarder.engine.native
        self.native.forwarder = forwarder.native
        self.native.memory_ceiling = memory_ceiling
        self.native.half_closed_time = HALF_CLOSED_TIME
        self.native.replies = link_new(forwarder.native, LINK_ADAPTOR, False, inbound_ops(), self.native)
        if self.native.replies == NULL or not text_set(&self.native.reply_prefix, prefix, len(prefix)):
            raise MemoryError()
        if not notices_open(self.native):
            raise OSError(errno, "cannot make the bridge's descriptor for notices")

    def __dealloc__(self):
        if self.native == NULL:
            return
        self.close()
        notices_close(self.native)
        free(self.native.reply_prefix.at)
        free(self.native)

    def set_reply_prefix(self, str reply_prefix not None):
        """Reply addresses of connections to come begin with this."""
        cdef bytes prefix = _text(reply_prefix, "reply prefix")
        if not text_set(&self.native.reply_prefix, prefix, len(prefix)):
            raise MemoryError()

    def close(self):
        """Reset every connection, and forget every listener and connector. A second call does nothing."""
        cdef flow_t *flow = self.native.flows
        while flow != NULL:
            flow_fail(flow)
            flow = flow.next
        while self.native.flows != NULL:
            if self.native.flows.inbound != NULL:
                self.native.flows.inbound.owner = NULL
            flow_free(self.native.flows)
        while self.native.services != NULL:
            service_free(self.native.services)
        while self.native.servers != NULL:
            server_free(self.native.servers)
        if self.native.replies != NULL:
            link_lost(self.native.replies)
            link_free(self.native.replies)
            self.native.replies = NULL
        records_close(self.native)
        self._listeners.clear()
        self._connectors.clear()
        self._contexts.clear()

    # --- finding

    cdef service_t *_service(self, object handle) except NULL:
        if handle not in self._listeners:
            raise GoneError(f"no TCP listener {handle:#x}")
        return <service_t *>engine_find(self.native.engine, HANDLE_ADAPTOR, handle)

    cdef server_t *_server(self, object handle) except NULL:
        if handle not in self._connectors:
            raise GoneError(f"no TCP connector {handle:#x}")
        return <server_t *>engine_find(self.native.engine, HANDLE_ADAPTOR, handle)

    def _sweep(self):
        """Free what was removed and has no connection any more."""
        cdef service_t *service = self.native.services
        cdef service_t *next_service
        cdef server_t *server = self.native.servers
        cdef server_t *next_server
        while service != NULL:
            next_service = service.next
            if service.removed and service.flows == 0:
                self._contexts.pop(service.handle, None)
                service_free(service)
            service = next_service
        while server != NULL:
            next_server = server.next
            if server.removed and server.flows == 0:
                self._contexts.pop(server.handle, None)
                server_free(server)
            server = next_server

    def _drop(self, handle):
        """Close all connections of one listener or connector."""
        cdef flow_t *flow = self.native.flows
        while flow != NULL:
            if (flow.service != NULL and flow.service.handle == handle) or (
                    flow.server != NULL and flow.server.handle == handle):
                flow_drop(flow, END_DELETED, b"Parent-deleted", b"Forced closed")
            flow = flow.next

    # --- listeners

    def add_listener(self, TlsContext tls=None, str proxy not None="none"):
        """A place for clients to connect to, once it listens; `proxy`: one of PROXY_USES. Returns its handle."""
        cdef int use = PROXY_USES.index(proxy)
        cdef service_t *service
        self._sweep()
        service = service_new(self.native, _context_of(tls), <proxy_use>use)
        if service == NULL:
            raise MemoryError()
        self._listeners.add(service.handle)
        self._contexts[service.handle] = tls
        return service.handle

    def offer_address(self, handle, str address not None, uint32_t weight=1, uint64_t record=0):
        """Let new connections of a listener go to an address; with several, in proportion to the weights. 0: none.

        `record`: number of the LISTENER record that theirs belong to.
        """
        cdef bytes text = _text(address, "address")
        if not service_offer(self._service(handle), text, len(text), weight, record):
            raise MemoryError()

    def listen(self, handle, int fd):
        """Accept from a listening, non-blocking descriptor too, which is the bridge's from now on."""
        cdef service_t *service = self._service(handle)
        if service.watch_count == LISTEN_PLACES:
            raise ValueError(f"a TCP listener has at most {LISTEN_PLACES} descriptors")
        if service_open(service, fd) != 0:
            raise OSError(errno, f"cannot watch descriptor {fd}")

    def stop_listening(self, handle):
        """Close the listening descriptors; connections live on."""
        service_close(self._service(handle))

    def set_observer(self, handle, str observer not None):
        """What is watched for on connections accepted from now on: one of OBSERVERS."""
        cdef int observe = OBSERVERS.index(observer)
        self._service(handle).observe = <observed>observe

    def set_listener_tls(self, handle, TlsContext tls):
        """TLS of connections accepted from now on."""
        self._service(handle).tls = _context_of(tls)
        self._contexts[handle] = tls

    def remove_listener(self, handle, bint drop_connections):
        """Stop listening for good; its connections are reset, or live on."""
        cdef service_t *service = self._service(handle)
        service_close(service)
        service.removed = True
        self._listeners.discard(handle)
        if drop_connections:
            self._drop(handle)
        self._sweep()

    def listener_counters(self, handle):
        """(opened, closed, octets in, octets out, connections now)"""
        cdef service_t *service = self._service(handle)
        self._sweep()
        return _counters(&service.counters, service.flows)

    def address_counters(self, handle):
        """Connections opened for each address of a listener: {address: count}."""
        cdef service_t *service = self._service(handle)
        cdef uint32_t i
        counts = {}
        for i in range(service.option_count):
            counts[(<const char *>service.options[i].address.at).decode()] = service.options[i].opened
        return counts

    # --- connectors

    def add_connector(self, str address not None, str host not None, TlsContext tls=None, bint verify_host=True,
                      bint introduces=False):
        """A server of a service address. Returns its handle, and that of its link: the consumer of the address.

        With `introduces` each connection begins with a PROXY header.
        """
        cdef bytes text = _text(address, "address")
        cdef bytes name = _text(host, "host name")
        cdef server_t *server
        self._sweep()
        server = server_new(self.native, text, len(text), name, len(name), _context_of(tls), verify_host,
                            introduces)
        if server == NULL:
            raise MemoryError()
        self._connectors.add(server.handle)
        self._contexts[server.handle] = tls
        return server.handle, server.link.handle

    def set_connector_addresses(self, handle, list sockaddrs not None):
        """Where to connect, in order, as packed sockaddrs; from the next connection on."""
        cdef server_t *server = self._server(handle)
        cdef address_t *targets
        cdef Py_ssize_t i
        cdef bytes packed
        for packed in sockaddrs:
            if not 2 < len(packed) <= <Py_ssize_t>sizeof(targets.octets):
                raise ValueError(f"a packed sockaddr of {len(packed)} octets: 3 to {sizeof(targets.octets)} are possible")
        targets = <address_t *>calloc(max(len(sockaddrs), 1), sizeof(address_t))
        if targets == NULL:
            raise MemoryError()
        for i, packed in enumerate(sockaddrs):
            targets[i].size = len(packed)
            memcpy(targets[i].octets, <const char *>packed, len(packed))
        free(server.targets)
        server.targets = targets
        server.target_count = len(sockaddrs)
        server.preferred = 0

    def set_connector_tls(self, handle, TlsContext tls):
        """TLS of connections made from now on."""
        self._server(handle).tls = _context_of(tls)
        self._contexts[handle] = tls

    def remove_connector(self, handle, bint drop_connections):
        """Take no more streams, for good; the connections are reset, or live on. Its link is gone."""
        cdef server_t *server = self._server(handle)
        server_close(server)
        server.removed = True
        self._connectors.discard(handle)
        if drop_connections:
            self._drop(handle)
        self._sweep()

    def connector_opened(self, handle):
        """Connections opened, the reference's own one to the address included."""
        return self._server(handle).counters.opened

    def connector_counters(self, handle):
        """(opened, closed, octets in, octets out, connections now, connects that failed)"""
        cdef server_t *server = self._server(handle)
        self._sweep()
        return (*_counters(&server.counters, server.flows), server.failures)

    # --- connections

    def endings(self):
        """How many connections have ended for each reason: {one of ENDING_NAMES: count}."""
        cdef int i
        return {ENDING_NAMES[i]: self.native.endings[i] for i in range(ENDINGS)}

    def limit_half_closed(self, uint32_t milliseconds):
        """How long a half-closed connection may be idle."""
        self.native.half_closed_time = milliseconds

    def connections(self):
        """A row for each TCP connection; see Connection in bridge.pyi."""
        return connection_rows(self.native)

    def close_connection(self, handle):
        """Reset one connection."""
        cdef flow_t *flow = <flow_t *>engine_find(self.native.engine, HANDLE_ADAPTOR, handle)
        if flow == NULL or handle in self._contexts:
            raise GoneError(f"no TCP connection {handle:#x}")
        flow_drop(flow, END_FORCED, b"amqp:connection:forced", b"Connection forced-closed by management request")

    @property
    def connection_count(self):
        """Connections, those included that are being opened or closed."""
        return self.native.flow_count

    # --- flow records

    def start_records(self, str source not None, uint64_t first):
        """Make records of connections from now on; their identities are `<source>:<number>`, from this number on."""
        cdef bytes text = source.encode()
        if len(text) != SOURCE_LENGTH:
            raise ValueError(f"a source id has {SOURCE_LENGTH} characters, not {source!r}")
        memcpy(self.native.records.source, <const char *>text, SOURCE_LENGTH)
        self.native.records.next_number = first

    def next_record_number(self):
        """A number for a record of another kind: connections never get it."""
        self.native.records.next_number += 1
        return self.native.records.next_number - 1

    def want_records(self, bint wanted):
        """Whether anybody hears of connections; if not, those that end soon leave no record."""
        self.native.records.wanted = wanted

    def set_connector_record(self, handle, uint64_t number):
        """The CONNECTOR record, to which the records of its connections refer."""
        self._server(handle).record = number

    def take_records(self, uint32_t slot):
        """Rows of what has changed in a slot since it was last taken; see Row in bridge.pyi."""
        return records_take(self.native, slot)

    def release_records(self, uint32_t count):
        """So many connections whose end was taken do not count as records any more."""
        self.native.records.live -= min(count, self.native.records.live)

    @property
    def records_dropped(self):
        """Connections and requests without a record, for there were too many."""
        return self.native.records.dropped

    # --- notices

    @property
    def notice_fd(self):
        """Readable while notices wait."""
        return self.native.notice_fd

    def take_notices(self):
        """[(kind, handle of the listener or connector, peer, reason)], oldest first; kind as in NOTICE_KINDS."""
        return [(NOTICE_KINDS[kind], handle, peer, reason) for kind, handle, peer, reason in notices_take(self.native)]

    @property
    def notices_dropped(self):
        """How many notices found the list full."""
        return self.native.notices_dropped
