"""The Python face of the data plane for messages: what control may do with links, entries, routers and endpoints.

Every call takes handles and checks them; a handle of something gone raises `GoneError`, which the shell may ignore: the event
that tells of the end is on its way. Everything takes effect between two deliveries.

Longer than 500 lines: it is one class, the whole list of what control may ask, which nobody should have to look for twice.
"""

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy, memset

from skrouter.amqp.engine.poller cimport (
    HANDLE_CONNECTION,
    HANDLE_ENTRY,
    HANDLE_LINK,
    Engine,
    engine_find,
)
from skrouter.amqp.engine.proton_api cimport *
from skrouter.amqp.engine.connection cimport connection_wake
from skrouter.amqp.engine.model cimport connection_t
from skrouter.router.forwarder.channels cimport channel_free
from skrouter.router.forwarder.content cimport content_free_cache
from skrouter.router.forwarder.counting cimport has_histogram, settle_rate
from skrouter.router.forwarder.deliveries cimport (
    arrival_advance,
    arrival_append,
    arrival_new,
    arrival_send_to,
    link_lost,
)
from skrouter.router.forwarder.limits cimport limits_free, limits_new
from skrouter.router.forwarder.links cimport (
    amqp_link_lost,
    amqp_link_new,
    amqp_protocol,
    link_free,
    link_new,
    links_of,
)
from skrouter.router.forwarder.model cimport (
    CHUNK_LARGE,
    CHUNK_SMALL,
    KEPT_LARGE,
    KEPT_SMALL,
    LINK_ENDPOINT,
    LINK_PROCESS,
    LINK_STREAMING,
    MESH_LIMIT,
    NO_NEIGHBOR,
    PEER_EDGE,
    PEER_INTER_EDGE,
    PRIORITIES,
    arrival_t,
    channel_t,
    chunk_t,
    content_t,
    copy_t,
    entry_t,
    heap_t,
    link_kind,
    limits_t,
    link_t,
    links_t,
    metrics_t,
    neighbor_t,
    peer_kind,
    router_t,
    treatment_kind,
)
from skrouter.router.forwarder.process cimport process_ops
from skrouter.router.forwarder.routing cimport route_again
from skrouter.router.forwarder.stuck cimport look_on, look_t
from skrouter.router.forwarder.streams cimport channel_close, channel_move, offer_streaming_link
from skrouter.router.forwarder.tables cimport (
    KEY_LIMIT,
    address_key,
    entry_add,
    entry_add_consumer,
    entry_drop_consumer,
    entry_remove,
    find_key,
)
from skrouter.router.forwarder.termini cimport answer_terminus, set_terminus

cdef enum:
    PIECE = 10000               # handles and deliveries that are looked at without a pause: about a millisecond


class GoneError(LookupError):
    """The handle names something that is no longer there."""


@cython.no_gc_clear      # __dealloc__ needs what a collection would have cleared
cdef class Forwarder:
    """Links, deliveries and tables of one router on one engine. Python face: see forwarder.pyi."""

    def __cinit__(self, Engine engine not None, str router_id not None, bint interior, str network=None):
        cdef bytes node = b"0/" + router_id.encode()
        if len(node) > 255:
            raise ValueError(f"router id of {len(node) - 2} octets: at most 253 fit the protocol")
        self.engine = engine
        self.native = <forwarder_t *>calloc(1, sizeof(forwarder_t))
        if self.native == NULL:
            raise MemoryError()
        self.native.engine = engine.native
        self.native.route_again = route_again
        self.native.interior = interior
        self.native.node_length = len(node)
        self.native.id_length = len(node) - 2
        memcpy(self.native.node, <const char *>node, len(node))
        memcpy(self.native.id, <const char *>node + 2, len(node) - 2)
        _name_network(self.native, network)
        self.protocol = amqp_protocol()
        engine.native.protocol = &self.protocol
        engine.native.forwarder = self.native

    def __dealloc__(self):
        cdef uint32_t i
        if self.native == NULL:
            return
        for i in range(self.native.bucket_count):
            while self.native.buckets[i] != NULL:
                while self.native.buckets[i].channels != NULL:
                    channel_free(self.native.buckets[i].channels)
                entry_remove(self.native, self.native.buckets[i])
        for i in range(self.native.router_count):
            free(self.native.routers[i].origins)
        for i in range(self.native.neighbor_count):
            free(self.native.neighbors[i].data)
        content_free_cache(self.native)
        _free_lists(self.native)
        free(self.native.buckets)
        free(self.native.routers)
        free(self.native.neighbors)
        self.engine.native.protocol = NULL
        self.engine.native.forwarder = NULL
        free(self.native)

    # --- finding

    cdef link_t *_link(self, uint64_t handle) except NULL:
        cdef void *found = engine_find(self.native.engine, HANDLE_LINK, handle)
        if found == NULL:
            raise GoneError(f"no link {handle:#x}")
        return <link_t *>found

    cdef entry_t *_entry(self, uint64_t handle) except NULL:
        cdef void *found = engine_find(self.native.engine, HANDLE_ENTRY, handle)
        if found == NULL:
            raise GoneError(f"no entry {handle:#x}")
        return <entry_t *>found

    cdef connection_t *_connection(self, uint64_t handle) except NULL:
        cdef void *found = engine_find(self.native.engine, HANDLE_CONNECTION, handle)
        if found == NULL:
            raise GoneError(f"no connection {handle:#x}")
        return <connection_t *>found

    cdef links_t *_links(self, uint64_t connection) except NULL:
        cdef links_t *links = links_of(self._connection(connection), self.native)
        if links == NULL:
            raise MemoryError()
        return links

    def connection_octets(self, uint64_t connection):
        """(received, sent): octets of messages on a connection so far."""
        cdef links_t *links = self._links(connection)
        return links.octets_in, links.octets_out

    # --- entries

    def publish(self, str key, int treatment, int priority=-1, bint control_only=False):
        """Make or change the entry of a key (class letter and address text). Returns its handle."""
        cdef bytes name = key.encode()
        cdef entry_t *entry = find_key(self.native, name, len(name))
        if entry == NULL:
            entry = entry_add(self.native, name, len(name), <treatment_kind>treatment)
        if entry == NULL:
            raise MemoryError()
        entry.treatment = <treatment_kind>treatment
        entry.priority = priority
        entry.control_only = control_only
        return entry.handle

    def withdraw(self, uint64_t handle):
        """Remove an entry; its links must be gone."""
        cdef entry_t *entry = self._entry(handle)
        if entry.consumer_count or entry.senders:
            raise ValueError(f"entry {entry.key.decode()} has {entry.consumer_count} consumers and {entry.senders} senders")
        while entry.channels != NULL:
            channel_close(entry.channels)
        entry_remove(self.native, entry)

    def set_entry_routers(self, uint64_t handle, object indexes):
        """Which remote routers have consumers for this entry."""
        cdef entry_t *entry = self._entry(handle)
        cdef uint32_t *grown
        cdef uint32_t count = len(indexes)
        grown = <uint32_t *>realloc(entry.routers, max(count, <uint32_t>1) * sizeof(uint32_t))
        if grown == NULL:
            raise MemoryError()
        entry.routers = grown
        entry.router_count = 0
        for index in indexes:
            self._router(index)
            grown[entry.router_count] = index
            entry.router_count += 1

    def entry_facts(self, uint64_t handle):
        """Counters of an entry: see EntryCounters in forwarder.pyi."""
        cdef entry_t *entry = self._entry(handle)
        return (entry.deliveries_ingress, entry.deliveries_egress, entry.deliveries_transit,
                entry.deliveries_to_container, entry.deliveries_from_container,
                [entry.outstanding[i] for i in range(entry.outstanding_size)], entry.consumer_count,
                entry.route_container.ingress, entry.route_container.egress,
                entry.inter_network.ingress, entry.inter_network.egress)

    def set_refusals(self, object is_refused):
        """`is_refused(address text)`: whether an address without entry is to be rejected. Asked only for such, by anonymous senders."""
        self._is_refused = is_refused
        self.native.is_refused = <void *>is_refused

    def set_judge(self, object is_allowed):
        """`is_allowed(connection, address text)`: whether messages from there may go to an address. Asked once for each that is
        not remembered, where `limit` says so."""
        self._is_allowed = is_allowed
        self.native.is_allowed = <void *>is_allowed

    def limit(self, uint64_t connection, uint64_t max_message_size, bytes user, bint targets):
        """Policy for messages from a connection: octets (0: any), the only user they may name (None: any), and whether
        the judge is asked about addresses that messages name themselves. Only before the peer has attached links."""
        cdef links_t *links = self._links(connection)
        cdef const char *name = NULL if user is None else <const char *>user
        cdef limits_t *limits = limits_new(max_message_size, name, 0 if user is None else len(user), targets)
        if limits == NULL:
            raise MemoryError()
        limits_free(links.limits)
        links.limits = limits

    def native_keys(self):
        """The keys of all entries, those included that native code made for itself."""
        cdef entry_t *entry
        cdef uint32_t i
        keys = []
        for i in range(self.native.bucket_count):
            entry = self.native.buckets[i]
            while entry != NULL:
                keys.append(entry.key.decode())
                entry = entry.chain
        return keys

    def key_of(self, str address):
        """The key that the data plane makes of an address; empty if it has none."""
        cdef char key[KEY_LIMIT]
        cdef bytes text = address.encode()
        cdef size_t length = address_key(self.native, text, len(text), key)
        return key[:length].decode()

    # --- routers and neighbors

    cdef router_t *_router(self, uint32_t index) except NULL:
        cdef router_t *grown
        if index >= self.native.router_count:
            grown = <router_t *>realloc(self.native.routers, (index + 1) * sizeof(router_t))
            if grown == NULL:
                raise MemoryError()
            memset(grown + self.native.router_count, 0, (index + 1 - self.native.router_count) * sizeof(router_t))
            self.native.routers = grown
            self.native.router_count = index + 1
        return &self.native.routers[index]

    def set_router(self, uint32_t index, int neighbor, uint32_t cost, bytes origins not None):
        """A remote router: its next hop (a slot, -1: unreachable), cost, and valid origins as a little-endian bitmap."""
        cdef router_t *router = self._router(index)
        cdef uint32_t words = (len(origins) + 7) // 8
        cdef uint64_t *bits = <uint64_t *>calloc(max(words, <uint32_t>1), sizeof(uint64_t))
        if bits == NULL:
            raise MemoryError()
        memcpy(bits, <const char *>origins, len(origins))
        free(router.origins)
        router.origins = bits
        router.origin_words = words
        router.known = True
        router.cost = cost
        router.neighbor = NO_NEIGHBOR
        if neighbor >= 0:
            self._neighbor(neighbor)
            router.neighbor = neighbor

    def forget_router(self, uint32_t index):
        """A remote router is no longer known."""
        cdef router_t *router = self._router(index)
        router.known = False
        router.neighbor = NO_NEIGHBOR

    def set_radius(self, uint32_t radius):
        """Hops to the farthest router: a message that has passed more has gone astray."""
        self.native.radius = radius

    cdef neighbor_t *_neighbor(self, uint32_t slot) except NULL:
        cdef neighbor_t *grown
        if slot >= self.native.neighbor_count:
            grown = <neighbor_t *>realloc(self.native.neighbors, (slot + 1) * sizeof(neighbor_t))
            if grown == NULL:
                raise MemoryError()
            memset(grown + self.native.neighbor_count, 0, (slot + 1 - self.native.neighbor_count) * sizeof(neighbor_t))
            self.native.neighbors = grown
            self.native.neighbor_count = slot + 1
        return &self.native.neighbors[slot]

    def set_neighbor(self, uint32_t slot, uint64_t connection, uint64_t control_link, bint same=False):
        """A next hop: its control connection and outgoing control link.

        `same`: it is the router that has the slot already, on a newer connection (see `move_streams`).
        """
        cdef links_t *links = self._links(connection)
        cdef link_t *link = self._link(control_link)
        cdef neighbor_t *neighbor = self._neighbor(slot)
        while neighbor.channels != NULL and not same:
            channel_close(neighbor.channels)
        memset(neighbor.priority_links, 0, sizeof(neighbor.priority_links))
        neighbor.data_count = 0             # of whoever had the slot before; ours follow
        neighbor.control = links.connection
        neighbor.control_link = link
        links.neighbor = slot

    def set_neighbor_link(self, uint32_t slot, int priority, uint64_t handle):
        """The outgoing data link of a priority."""
        cdef link_t *link = self._link(handle)
        if not 0 <= priority < PRIORITIES:
            raise ValueError(f"priority {priority}: 0 to {PRIORITIES - 1} are there")
        self._neighbor(slot).priority_links[priority] = link

    def add_data_connection(self, uint32_t slot, uint64_t connection):
        """A connection that carries streams to this next hop."""
        cdef links_t *links = self._links(connection)
        cdef neighbor_t *neighbor = self._neighbor(slot)
        cdef connection_t **grown
        cdef uint32_t i
        for i in range(neighbor.data_count):
            if neighbor.data[i] == links.connection:
                return
        grown = <connection_t **>realloc(neighbor.data, (neighbor.data_count + 1) * sizeof(connection_t *))
        if grown == NULL:
            raise MemoryError()
        neighbor.data = grown
        grown[neighbor.data_count] = links.connection
        neighbor.data_count += 1
        links.neighbor = slot

    def move_streams(self, uint32_t slot):
        """Addresses whose deliveries to this next hop share a link go on over the connections that it has now."""
        cdef channel_t *channel = self._neighbor(slot).channels
        while channel != NULL:
            channel_move(channel)
            channel = channel.next_of_neighbor

    # --- endpoints in this process

    def add_endpoint(self, uint64_t entry):
        """A consumer in this process. Its messages come as MessageReceived with the handle returned here."""
        cdef entry_t *where = self._entry(entry)
        cdef link_t *link = link_new(self.native, LINK_PROCESS, True, process_ops(), NULL)
        if link == NULL or not entry_add_consumer(where, link):
            raise MemoryError()
        link.accepted = True
        link.capacity = 0x7FFFFFFF
        return link.handle

    def remove_endpoint(self, uint64_t handle):
        """The consumer in this process wants no more."""
        cdef link_t *link = self._link(handle)
        if link.kind != LINK_PROCESS:
            raise ValueError("not an endpoint of this process")
        link_lost(link)
        link_free(link)

    def send(self, bytes content not None, uint64_t link=0, bint control=False, bint settled=True):
        """Send a message of this process: to its `to`, or straight to one link. `control`: over control links.

        Nobody hears of its outcome; not `settled`, though, it is not among what a slow receiver may lose.
        """
        cdef link_t *out = self._link(link) if link else NULL
        cdef arrival_t *arrival = arrival_new(self.native, NULL, settled)
        if arrival == NULL or not arrival_append(arrival, <const uint8_t *><const char *>content, len(content)):
            raise MemoryError()
        arrival.control = control
        if out != NULL:
            arrival_send_to(arrival, out)
        else:
            arrival_advance(arrival, True)

    # --- links

    def bind_consumer(self, uint64_t handle, uint64_t entry, bint proxy=False):
        """An outgoing link consumes from this entry; `proxy`: for consumers elsewhere."""
        cdef link_t *link = self._link(handle)
        link.proxy = proxy
        if not link.outgoing or link.entry != NULL:
            raise ValueError("not an outgoing link without an entry")
        if not entry_add_consumer(self._entry(entry), link):
            raise MemoryError()

    def unbind_consumer(self, uint64_t handle):
        """It consumes no longer; what is queued on it stays its own."""
        cdef link_t *link = self._link(handle)
        if link.outgoing and link.entry != NULL:
            entry_drop_consumer(link.entry, link)

    # --- routers that are no neighbors

    def set_peer(self, uint64_t connection, int peer, str mesh not None, bint streams):
        """What the router there is to us (PeerKind), its edge mesh, and whether streams have links of their own."""
        cdef links_t *links = self._links(connection)
        cdef bytes text = mesh.encode()
        if len(text) >= MESH_LIMIT:
            raise ValueError(f"mesh id of {len(text)} octets: at most {MESH_LIMIT - 1} fit the protocol")
        links.peer = <peer_kind>peer
        links.streams = streams
        memcpy(links.mesh, <const char *>text, len(text))
        links.mesh_length = len(text)

    def set_mesh(self, str mesh not None):
        """The edge mesh that this edge router is in."""
        cdef bytes text = mesh.encode()
        if len(text) >= MESH_LIMIT:
            raise ValueError(f"mesh id of {len(text)} octets: at most {MESH_LIMIT - 1} fit the protocol")
        memcpy(self.native.mesh, <const char *>text, len(text))
        self.native.mesh_length = len(text)

    def adopt(self, uint64_t connection):
        """Links of this connection belong to this forwarder; call it before AMQP begins there."""
        self._links(connection)

    def accept_link(self, uint64_t handle, int kind, int capacity, int credit, uint64_t entry=0, str source_address=None,
                    str target_address=None, bint annotated=False, bint withheld=False, int priority=4,
                    uint64_t max_message_size=0, bint proxy=False, bint swapped=False, uint32_t flags=0):
        """Answer a peer's attach. The addresses are ours to name where the peer asked for a dynamic one.

        capacity: deliveries; credit: given at once (incoming); withheld: no credit until `allow_credit`.
        annotated: router annotations are read and written. proxy: leads to consumers elsewhere.
        swapped: our source names the peer's target. flags: set in the annotations of every message from there.
        """
        cdef link_t *link = self._link(handle)
        cdef pn_link_t *pn = link.pn
        if link.accepted:
            raise ValueError("the link has been answered already")
        if swapped:
            answer_terminus(pn_link_source(pn), PN_SOURCE, pn_link_remote_target(pn), None)
            answer_terminus(pn_link_target(pn), PN_TARGET, pn_link_remote_source(pn), None)
        else:
            answer_terminus(pn_link_source(pn), PN_SOURCE, pn_link_remote_source(pn), source_address)
            answer_terminus(pn_link_target(pn), PN_TARGET, pn_link_remote_target(pn), target_address)
        link.proxy = proxy
        link.flags = flags
        pn_link_set_max_message_size(pn, max_message_size)
        link.settles_first = link.outgoing and pn_link_remote_snd_settle_mode(pn) == PN_SND_SETTLED
        self._set_up(link, kind, capacity, credit, entry, annotated, withheld, priority, target_address)

    cdef int _set_up(self, link_t *link, int kind, int capacity, int credit, uint64_t entry, bint annotated,
                     bint withheld, int priority, str address) except -1:
        cdef peer_kind peer
        link.kind = <link_kind>kind
        link.capacity = capacity
        link.priority = priority
        link.annotated = annotated
        peer = (<links_t *>link.connection.links).peer
        link.replenish_early = kind != LINK_ENDPOINT or peer == PEER_EDGE or peer == PEER_INTER_EDGE
        link.withheld = withheld
        if entry:
            self._point(link, self._entry(entry))
            if not link.outgoing:
                self._remember_address(link, address)
        link.accepted = True
        if not link.outgoing and (<links_t *>link.connection.links).limits != NULL:
            pn_link_set_max_message_size(link.pn, (<links_t *>link.connection.links).limits.max_message_size)
        pn_link_open(link.pn)
        if link.outgoing:
            link.peer_credit = pn_link_credit(link.pn)      # a peer may give it before we answer
        elif withheld or not pn_link_state(link.pn) & PN_REMOTE_ACTIVE:
            link.owed = credit              # given when there is a destination, or when the peer has answered
        else:
            pn_link_flow(link.pn, credit)
        connection_wake(link.connection)
        return 0

    cdef int _point(self, link_t *link, entry_t *entry) except -1:
        if link.outgoing:
            if not entry_add_consumer(entry, link):
                raise MemoryError()
        else:
            link.entry = entry
            entry.senders += 1
        return 0

    cdef int _remember_address(self, link_t *link, str address) except -1:
        """Text for to-override: what the terminus says."""
        cdef const char *text = pn_terminus_get_address(pn_link_remote_target(link.pn))
        cdef bytes name
        if address is not None:
            name = address.encode()
        elif text != NULL:
            name = text
        else:
            return 0
        link.address = <char *>malloc(len(name) + 1)
        if link.address == NULL:
            raise MemoryError()
        memcpy(link.address, <const char *>name, len(name) + 1)
        link.address_length = len(name)
        return 0

    def reject_link(self, uint64_t handle, str condition, str description="", bint nameless=False):
        """Answer a peer's attach with null termini, or with `nameless` ones, and detach with the reason (AMQP 1.0 §2.6.3)."""
        cdef link_t *link = self._link(handle)
        pn_terminus_set_type(pn_link_source(link.pn), PN_SOURCE if nameless else PN_UNSPECIFIED)
        pn_terminus_set_type(pn_link_target(link.pn), PN_TARGET if nameless else PN_UNSPECIFIED)
        pn_link_open(link.pn)
        self._detach(link, condition, description)

    def detach_link(self, uint64_t handle, str condition="", str description=""):
        """End a link of ours or the peer's."""
        self._detach(self._link(handle), condition, description)

    cdef int _detach(self, link_t *link, str condition, str description) except -1:
        cdef pn_link_t *pn = link.pn
        cdef connection_t *connection = link.connection
        if pn == NULL:
            raise ValueError("not an AMQP link")
        if condition:
            pn_condition_set_name(pn_link_condition(pn), condition.encode())
            pn_condition_set_description(pn_link_condition(pn), description.encode())
        amqp_link_lost(link)
        pn_link_close(pn)
        connection_wake(connection)
        return 0

    def open_link(self, uint64_t connection, str name not None, bint outgoing, int session, object source, object target,
                  int kind, int capacity, int credit=0, uint64_t entry=0, bint annotated=False, int priority=4,
                  bint withheld=False, str address=None):
        """Attach a link of ours. `session`: a number below 64, begun at its first use. Returns the handle.

        entry: where an incoming link delivers to, address: its name if the source says another; withheld: no credit
        until `allow_credit`.

        source, target: (address, durability, expiry policy, timeout, dynamic, capabilities, properties, filter).
        """
        cdef links_t *links = self._links(connection)
        cdef pn_session_t *within = self._session(links, session)
        cdef bytes text = name.encode()
        cdef pn_link_t *pn = pn_sender(within, text) if outgoing else pn_receiver(within, text)
        cdef link_t *link = amqp_link_new(links.connection, pn)
        if link == NULL:
            raise MemoryError()
        set_terminus(pn_link_source(pn), PN_SOURCE, source)
        set_terminus(pn_link_target(pn), PN_TARGET, target)
        pn_link_set_snd_settle_mode(pn, PN_SND_MIXED)
        self._set_up(link, kind, capacity, credit, entry, annotated, withheld, priority,
                     None if outgoing else address or source[0])
        if kind == LINK_STREAMING and outgoing:
            links.wanted -= links.wanted > 0
            offer_streaming_link(links, link)
        return link.handle

    cdef pn_session_t *_session(self, links_t *links, int number) except NULL:
        cdef pn_session_t *session
        if links.connection.pn == NULL or not 0 <= number < 64:
            raise ValueError(f"session {number} cannot be begun on this connection")
        session = <pn_session_t *>links.sessions[number]
        if session == NULL:
            session = pn_session(links.connection.pn)
            pn_session_set_incoming_window_and_lwm(session, links.connection.session_window, 0)
            pn_session_open(session)
            links.sessions[number] = session
        return session

    def allow_credit(self, uint64_t handle, bint allowed):
        """Let an incoming link have its credit, or keep replacement back because there is no destination."""
        cdef link_t *link = self._link(handle)
        if link.outgoing or link.withheld != allowed:
            return
        link.withheld = not allowed
        if allowed and (link.owed or pn_link_get_drain(link.pn)) and pn_link_state(link.pn) & PN_REMOTE_ACTIVE:
            pn_link_flow(link.pn, link.owed)        # which ends the draining too
            link.owed = 0
            connection_wake(link.connection)

    def link_facts(self, uint64_t handle):
        """Counters of a link: see LinkCounters in forwarder.pyi."""
        cdef link_t *link = self._link(handle)
        cdef int credit = pn_link_credit(link.pn) if link.pn != NULL else 0
        zero = 0.0
        if link.zero_credit_since:
            zero = (self.native.engine.now - link.zero_credit_since) / 1000
        return (link.capacity, link.undelivered_count, link.unsettled_count, link.delivery_count, link.presettled_count,
                link.dropped_presettled_count, link.accepted_count, link.rejected_count, link.released_count,
                link.modified_count, link.delayed_1s_count, link.delayed_10s_count, link.moved_count, credit, zero,
                link.stuck_count, settle_rate(link))

    def link_histogram(self, uint64_t handle):
        """How many deliveries that have ended on an outgoing link have entered at each router, by index; None: not counted."""
        cdef link_t *link = self._link(handle)
        cdef uint32_t i
        if not has_histogram(link):
            return None
        return tuple([link.ingress[i] for i in range(link.ingress_size)])

    def find_stuck(self, uint32_t place, double age, uint32_t budget=PIECE):
        """A piece of a look at all links, behind `place` (0: from the first), for what has been held for more than `age` seconds.

        budget: how many handles and deliveries to look at; a link is looked at as a whole. Returns the place to go on
        from, 0 at the end, and (link, has stuck deliveries, is blocked) for each link of which that is news.
        """
        cdef look_t look
        cdef list found = []
        look.place, look.budget, look.age = place, budget, <int64_t>(age * 1000)
        while look_on(self.native, &look):
            found.append((look.link.handle, bool(look.stuck), bool(look.blocked)))
        return look.place, found

    def idle_streams(self, uint64_t connection, uint32_t keep):
        """The streaming links of a connection that wait in its pool, without the `keep` that have waited least."""
        cdef link_t *link = self._links(connection).idle
        cdef list found = []
        while link != NULL:
            if keep:
                keep -= 1
            else:
                found.append(link.handle)
            link = link.next_idle
        return found

    def set_network(self, str network):
        """From now on the network has this id, or none; the last one still names it in addresses."""
        cdef bytes former = self.native.network[: self.native.network_length]
        _name_network(self.native, network)
        memcpy(self.native.former_network, <const char *>former, len(former))
        self.native.former_network_length = len(former)

    def metrics(self):
        """The router's counters by name, and how much of everything is alive."""
        metrics = dict(self.native.metrics)
        for kind in ("route_container", "inter_network"):
            for way, count in metrics.pop(kind).items():
                metrics[f"deliveries_{way}_{kind}"] = count
        return metrics

    def memory(self):
        """What the objects of the data plane take: see MemoryRow in forwarder.pyi."""
        cdef heap_t heap = self.native.heap
        cdef metrics_t live = self.native.metrics
        small = heap.small_chunks - heap.small_chunks_freed - self.native.free_small_count
        large = heap.large_chunks - heap.large_chunks_freed - self.native.free_large_count
        links, entries = live.links_live, self.native.entry_count
        return [
            ("qd_message_t", sizeof(content_t), -1, heap.contents, 0, live.contents_live),
            ("qd_buffer_t", sizeof(chunk_t) + CHUNK_SMALL, KEPT_SMALL, heap.small_chunks, heap.small_chunks_freed, small),
            ("qd_large_buffer_t", sizeof(chunk_t) + CHUNK_LARGE, KEPT_LARGE, heap.large_chunks, heap.large_chunks_freed, large),
            ("qdr_delivery_t", sizeof(copy_t), -1, heap.copies, 0, live.copies_live),
            ("qdr_incoming_delivery_t", sizeof(arrival_t), -1, heap.arrivals, 0, live.arrivals_live),
            ("qdr_link_t", sizeof(link_t), 0, heap.links, heap.links - links, links),
            ("qdr_address_t", sizeof(entry_t), 0, heap.entries, heap.entries - entries, entries),
        ]


cdef int _name_network(forwarder_t *forwarder, str network) except -1:
    cdef bytes name = b"" if network is None else network.encode()
    if len(name) > 255:
        raise ValueError(f"network id of {len(name)} octets: at most 255 fit the protocol")
    memcpy(forwarder.network, <const char *>name, len(name))
    forwarder.network_length = len(name)
    return 0


cdef void _free_lists(forwarder_t *forwarder) noexcept nogil:
    cdef arrival_t *arrival = forwarder.free_arrivals
    cdef copy_t *copy = forwarder.free_copies
    while arrival != NULL:
        forwarder.free_arrivals = arrival.next
        free(arrival)
        arrival = forwarder.free_arrivals
    while copy != NULL:
        forwarder.free_copies = copy.next
        free(copy)
        copy = forwarder.free_copies
