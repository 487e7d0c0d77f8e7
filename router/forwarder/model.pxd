"""The data of the forwarder, told in one place: who owns what, and what points where.

    link (incoming) --arrivals--> arrival --content--> content --chunks--> octets
                                     |                     ^
                                     +--copies--> copy ----+  (a cursor into the content)
                                                   |
    link (outgoing) --queue / unsettled------------+

* An `arrival_t` is an incoming delivery. It lives until it is settled on both sides, or its link is gone and no copy needs it.
* A `copy_t` is an outgoing delivery. It belongs to its outgoing link (or waits in a connection's pool); freed when settled there.
* A `content_t` holds the octets behind the router annotations; it is counted by its arrival and its copies.
* A `link_t` belongs to its connection's `links_t`, or to the adaptor or endpoint that made it.
* An `entry_t` belongs to the table; control adds, changes and removes it, between two deliveries.
Transport-neutral: what differs between AMQP, a TCP bridge and an endpoint in this process is in `link_ops_t`.
"""

from libc.stdint cimport int8_t, int64_t, uint8_t, uint32_t, uint64_t

from skrouter.amqp.engine.poller cimport engine_t
from skrouter.amqp.engine.proton_api cimport pn_delivery_t, pn_disposition_t, pn_link_t
from skrouter.amqp.engine.model cimport connection_t

cdef enum treatment_kind:
    TREATMENT_FLOOD = 0         # numbers as in MAU (spec: routing-protocol §0)
    TREATMENT_MULTICAST = 1
    TREATMENT_CLOSEST = 2
    TREATMENT_BALANCED = 3
    TREATMENT_UNAVAILABLE = 4

cdef enum link_kind:
    LINK_ENDPOINT = 0           # a client's
    LINK_CONTROL = 1            # inter-router control
    LINK_ROUTER = 2             # inter-router data, one for each priority
    LINK_STREAMING = 3          # inter-router, one streaming delivery at a time
    LINK_PROCESS = 4            # an endpoint in this process
    LINK_ADAPTOR = 5            # another protocol
    LINK_EDGE_DOWNLINK = 6      # to an edge router, for whatever is addressed to it
    LINK_INTER_EDGE = 7         # the same between two edge routers

cdef enum peer_kind:            # a router that is no neighbor
    PEER_NONE = 0
    PEER_EDGE = 1               # the other end of an uplink, on either side
    PEER_INTER_EDGE = 2
    PEER_INTER_NETWORK = 3
    PEER_CONTAINER = 4          # no router: a broker, say, that auto-links lead to

cdef enum:
    PRIORITIES = 10
    DEFAULT_PRIORITY = 4
    FLOODS = 8                  # flooded messages of one router that are remembered
    MESH_LIMIT = 16             # octets of the id of an edge mesh, and one
    CHUNK_SMALL = 480           # octets: most messages, and the head of a stream
    CHUNK_LARGE = 16320         # octets: about one default frame
    KEPT_SMALL = 4096           # chunks kept for reuse
    KEPT_LARGE = 256
    HEAD_LIMIT = 65536          # octets that may come before the address is known
    Q2_UPPER = 262144           # octets of one message held here before its sender must wait
    Q2_LOWER = 131072
    Q3_UPPER = 1048576          # octets of one session that may wait in proton
    NO_NEIGHBOR = -1
    RATE_SECONDS = 5            # over which the rate of a link is the mean
    FENCES = 11                 # one for each priority, and one for the channel's own link of before

    FLAG_STREAMING = 1          # router annotations, flags
    FLAG_RESEND_RELEASED = 2
    FLAG_DISABLE_Q2 = 4

# --- octets

cdef struct chunk_t:            # owner: its content
    chunk_t *next
    uint32_t size               # octets in use
    uint32_t capacity
    uint32_t readers            # cursors that have not passed it yet
    uint8_t data[1]

cdef struct slice_t:            # part of the first chunk, by offset: it stays there until every copy has begun
    uint32_t start
    uint32_t length
    bint present

cdef struct head_t:             # what the leading sections say
    uint32_t body               # where the message behind the router annotations begins
    uint32_t flags              # of the router annotations
    slice_t to_override         # text without its AMQP constructor
    slice_t ingress
    slice_t mesh
    slice_t trace               # the encoded elements, without the list's constructor, size and count
    uint32_t trace_count
    slice_t to                  # properties.to
    slice_t user                # properties.user-id; of a value that is no binary, its whole encoding
    bint certain                # the properties were read, or a body without any follows
    int8_t priority             # of the header; default 4

cdef struct content_t:
    forwarder_t *forwarder      # borrowed
    chunk_t *first
    chunk_t *last
    head_t head
    uint64_t length             # octets that have arrived in all
    uint32_t held               # octets in chunks now
    uint32_t cursors            # copies that still read
    uint32_t references
    bint parsed                 # `head` is filled
    bint invalid                # the head breaks the rules
    bint complete
    bint aborted
    bint unlimited              # Q2 does not count
    bint blocked                # Q2: the sender waits
    bint discarded              # nobody reads: arriving octets are dropped
    bint retained               # all octets stay: if the delivery is released it goes another way (see resend.pyx)
    arrival_t *arrival          # whom to resume; NULL when gone
    char *address               # owner: this; where its link delivered to, kept when the link went before all copies had begun
    uint32_t address_length

# --- deliveries

cdef struct outcome_t:          # a delivery state on its way back to the sender
    uint64_t state              # AMQP descriptor 0x23..0x27 and above; 0: settled without state
    uint32_t section_number
    uint64_t section_offset
    bint failed
    bint undeliverable
    const char *condition       # borrowed for the call; of a rejection by this router, NULL otherwise
    const char *description
    pn_disposition_t *source    # borrowed for the call; where the peer's own data can be copied from, NULL otherwise

cdef struct arrival_t:
    link_t *link                # NULL: nobody to tell any more
    pn_delivery_t *pn           # NULL for other transports, or when settled
    content_t *content          # counted
    copy_t *copies              # all that are not finished
    uint32_t open_copies        # without a terminal outcome
    uint32_t unsettled_copies
    uint64_t best               # multicast: the highest outcome so far
    bint multicast
    bint presettled
    bint control                # sent in this process: between routers it takes the control links
    bint routed
    bint streams                # it was routed before it was complete: it may take its time
    bint stuck                  # in its link's stuck_count
    bint sender_settled
    bint told                   # the sender knows a terminal outcome
    bint settle_due             # settle upstream as soon as the message is complete
    bint resuming               # in its connection's list of arrivals to read again
    uint64_t *tried             # owner: this; ways that have released it: handles of consumers, or neighbors (see resend.pyx)
    uint32_t tried_count
    arrival_t *next_resume
    arrival_t *previous         # in its link's list
    arrival_t *next
    int64_t arrived             # milliseconds
    void *owner                 # borrowed: adaptor's

cdef struct queue_t:            # copies that have no link yet, in order
    copy_t *first
    copy_t *last

cdef struct copy_t:
    forwarder_t *forwarder      # borrowed
    link_t *link                # NULL while it waits for a streaming link
    pn_delivery_t *pn           # NULL before it has begun, and for other transports
    arrival_t *arrival          # NULL: nobody waits for the outcome
    content_t *content          # counted
    chunk_t *chunk              # the cursor: next octet to send is chunk.data[offset]
    uint32_t offset
    bint reading                # the cursor is counted in the content
    bint started
    bint sent                   # whole message given to the transport
    bint presettled
    bint settle_on_send
    bint terminal               # its outcome is known
    bint streams                # of its arrival
    bint stuck                  # in its link's stuck_count
    uint32_t origin             # index of the router it entered at, for the histogram of its link; 0: this one
    uint64_t consumer           # handle of the consumer's link that was chosen, whichever link it is on now; 0: a next hop was
    bint moved                  # in that link's moved_count
    uint64_t entry_handle       # where its outstanding count is kept
    int neighbor                # NO_NEIGHBOR: not counted; else the next hop it was counted for
    queue_t *waits_in           # the queue it is in while it has no link
    channel_t *channel          # it waits for the link of this channel
    copy_t *sibling             # next of the same arrival
    copy_t *previous            # in its link's queue or unsettled list, or in a waiting queue
    copy_t *next
    int64_t arrived             # milliseconds
    void *owner                 # borrowed: adaptor's

# --- links

ctypedef void (*link_fn)(link_t *link) noexcept nogil
ctypedef void (*copy_fn)(copy_t *copy) noexcept nogil
ctypedef void (*arrival_fn)(arrival_t *arrival) noexcept nogil
ctypedef bint (*no_way_fn)(arrival_t *arrival) noexcept nogil
ctypedef void (*outcome_fn)(arrival_t *arrival, const outcome_t *outcome, bint settle) noexcept nogil

cdef struct link_ops_t:
    link_fn push                # outgoing: the queue, or the content of its first copy, has grown
    copy_fn copy_settled        # outgoing: the sender has settled (or is gone): settle and free the copy (deliveries.copy_free)
    copy_fn copy_aborted        # outgoing: the content will never be complete: abort what was begun, then free the copy
    outcome_fn outcome          # incoming: tell the sender; with `settle`, forget the arrival (deliveries.arrival_free)
    arrival_fn resume           # incoming: there is room for more content; only note it (called from within copy_peek), read later
    link_fn credit              # incoming: one delivery was dealt with: replace its credit
    link_fn drain               # incoming: nobody is there to send to: ask for the credit back. NULL: there is none to give back
    no_way_fn no_way            # incoming: nobody takes it now; True: it stays, and is routed again. NULL: it is released

cdef struct rate_t:             # how many deliveries have ended in each of the last seconds
    int64_t second              # of the monotonic clock: the newest
    uint32_t counts[RATE_SECONDS]   # by second modulo their number

cdef struct link_t:
    forwarder_t *forwarder      # borrowed
    const link_ops_t *ops       # static
    connection_t *connection    # borrowed; NULL for processes and adaptors
    pn_link_t *pn               # owned by proton; its context is this link until `link_lost`
    void *owner                 # borrowed: adaptor's or endpoint's
    uint64_t handle
    link_kind kind
    bint outgoing
    bint accepted               # control has said yes
    bint annotated              # router annotations are read (incoming) or written (outgoing)
    bint replenish_early        # credit comes back when forwarded, not when settled
    uint32_t flags              # incoming: set in the annotations of every message
    bint withheld               # no destination: credit stays away
    bint proxy                  # outgoing: leads to consumers elsewhere, who have other ways too
    bint settles_first          # outgoing: the peer wants everything settled
    bint idle                   # streaming: in its connection's pool
    channel_t *channel          # streaming: belongs to this channel; NULL: to the pool
    uint64_t dealt_with         # outgoing: copies that were sent, or dropped from the queue
    int peer_credit             # outgoing: the credit that the peer has given at first
    int capacity
    int owed                    # credit that `withheld` has kept back
    int priority
    entry_t *entry              # incoming: where to; outgoing: whose consumer; NULL: anonymous
    char *address               # owner: this; terminus text for to-override, NULL: none
    uint32_t address_length
    arrival_t *arrivals         # incoming, newest first
    copy_t *first               # outgoing, undelivered in order; the first may be under way
    copy_t *last
    copy_t *unsettled           # outgoing, sent, newest first
    int moved_count             # outgoing: streams that left this queue for a link of their own and are still open
    int undelivered_count
    int unsettled_count
    uint64_t delivery_count
    uint64_t presettled_count
    uint64_t dropped_presettled_count
    uint64_t accepted_count
    uint64_t rejected_count
    uint64_t released_count
    uint64_t modified_count
    uint64_t delayed_1s_count
    uint64_t delayed_10s_count
    uint32_t stuck_count        # deliveries that are here for too long: see stuck.pyx
    rate_t rate
    uint64_t *ingress           # owner: this; outgoing: deliveries that have ended, by index of the router they entered at
    uint32_t ingress_size
    int64_t zero_credit_since   # milliseconds; 0: has credit
    bint blocked                # without credit for too long: see stuck.pyx
    bint write_queued           # in its connection's list
    link_t *next_write
    link_t *next_idle
    link_t *previous            # in its connection's list
    link_t *next

cdef struct judgment_t:         # whether messages may go to an address
    char *address               # owner: this; NULL: free
    uint32_t length
    bint allowed

cdef struct limits_t:           # owner: its links_t; what policy says of messages from there (see limits.pyx)
    uint64_t max_message_size   # octets; 0: any
    bint checks_user
    bint checks_targets
    char *user                  # owner: this
    uint32_t user_length
    uint64_t exceeded           # handle of a link that has sent too large a message; 0: none
    judgment_t *judgments       # owner of the array: this; NULL before the first

cdef struct links_t:            # owner: connection.links; freed in connection_lost
    connection_t *connection
    forwarder_t *forwarder
    link_t *all
    link_t *first_write         # outgoing links with something to give to proton
    link_t *last_write
    arrival_t *first_resume     # arrivals that may read on
    link_t *idle                # streaming links without a delivery
    queue_t waiting             # streaming deliveries without a link
    int wanted                  # streaming links asked of control and not attached yet
    void *sessions[64]          # pn_session_t we began, by the number control uses
    int neighbor                # the next hop this connection serves, NO_NEIGHBOR otherwise
    limits_t *limits            # owner: this; NULL: no policy
    uint64_t octets_in          # of messages, with what comes before their content
    uint64_t octets_out
    peer_kind peer
    bint streams                # the peer takes streams on links of their own
    char mesh[MESH_LIMIT]       # the edge mesh of the edge router there
    uint32_t mesh_length        # 0: unknown

# --- tables

cdef struct channel_t:          # owner: its entry; the one way of all deliveries to this address through one neighbor, once one
    entry_t *entry              # of them has outgrown Q2: see channels.pyx
    forwarder_t *forwarder      # borrowed
    int neighbor
    links_t *links              # borrowed: the connection that carries it; NULL: not chosen yet
    link_t *link                # the streaming link for this address alone; NULL: asked for
    bint asked                  # its first copy waits in the connection's queue for a link
    bint open                   # what went before on other links has been forwarded by the neighbor
    link_t *fenced[FENCES]      # borrowed: those links; NULL: gone, or nothing went there
    uint64_t fences[FENCES]     # how much of each must have been forwarded
    queue_t waiting             # copies until there is a link
    channel_t *next             # of the entry
    channel_t *next_of_neighbor

cdef struct peer_counts_t:      # deliveries from and to peers of one kind
    uint64_t ingress
    uint64_t egress

cdef struct entry_t:
    uint64_t handle
    char *key                   # owner: this; class letter and text
    uint32_t key_length
    uint64_t hash
    entry_t *chain              # next in its bucket
    treatment_kind treatment
    int priority                # 0..9, or -1: the message's own
    bint control_only           # only control links may deliver here
    bint uplink                 # of an edge router: leads to the rest of the network
    uint32_t senders            # incoming links that point here: it may not be removed
    link_t **consumers          # owner of the array: this
    uint32_t consumer_count
    uint32_t consumer_turn      # where the next search begins
    uint32_t *routers           # owner: this; indexes of remote routers
    uint32_t router_count
    uint32_t router_turn
    channel_t *channels         # owner: this
    uint32_t *outstanding       # owner: this; unsettled deliveries by neighbor
    uint32_t outstanding_size
    uint64_t deliveries_ingress
    uint64_t deliveries_egress
    uint64_t deliveries_transit
    uint64_t deliveries_to_container
    uint64_t deliveries_from_container
    peer_counts_t route_container
    peer_counts_t inter_network

cdef struct router_t:           # a remote router; index 0 is this one
    bint known
    int neighbor                # next hop, NO_NEIGHBOR: unreachable
    uint32_t cost
    uint64_t *origins           # owner: this; bits by router index: from whom a multicast may pass here to that router
    uint32_t origin_words
    uint64_t floods[FLOODS]     # hashes of what it has flooded last; of index 0: what unknown routers have
    int64_t flood_times[FLOODS] # milliseconds; 0: none
    uint32_t flood_turn

cdef struct neighbor_t:         # a next hop
    connection_t *control       # NULL: free
    link_t *control_link        # outgoing
    link_t *priority_links[PRIORITIES]
    connection_t **data         # owner of the array: this; connections for streams besides the control one
    uint32_t data_count
    uint32_t data_turn
    channel_t *channels         # borrowed from the entries
    bint excluded               # scratch of one multicast: seen in the trace
    bint chosen                 # scratch of one multicast: a copy goes there already

cdef struct metrics_t:
    uint64_t presettled_deliveries
    uint64_t dropped_presettled_deliveries
    uint64_t accepted_deliveries
    uint64_t rejected_deliveries
    uint64_t released_deliveries
    uint64_t modified_deliveries
    uint64_t deliveries_ingress
    uint64_t deliveries_egress
    uint64_t deliveries_transit
    uint64_t deliveries_delayed_1s
    uint64_t deliveries_delayed_10s
    uint64_t deliveries_stuck
    uint64_t links_blocked
    peer_counts_t route_container
    peer_counts_t inter_network
    uint64_t links_live
    uint64_t arrivals_live
    uint64_t copies_live
    uint64_t contents_live
    uint64_t chunks_live        # octets of chunks in use

cdef struct heap_t:             # objects that the system has given, and has got back, since the start
    uint64_t arrivals           # arrivals, copies and contents are kept for reuse
    uint64_t copies
    uint64_t contents
    uint64_t links
    uint64_t entries
    uint64_t small_chunks
    uint64_t small_chunks_freed
    uint64_t large_chunks       # those of twice the size and more too
    uint64_t large_chunks_freed

cdef struct forwarder_t:        # owner: Forwarder
    engine_t *engine
    char node[260]              # "0/<router id>", this router in annotations
    uint32_t node_length
    char id[256]
    uint32_t id_length
    char network[256]           # id of this router's network
    uint32_t network_length     # 0: it has none
    char mesh[MESH_LIMIT]       # of an edge router: its edge mesh
    uint32_t mesh_length
    bint interior
    void (*route_again)(arrival_t *arrival) noexcept nogil      # settlement's way back into routing
    void *is_refused            # borrowed from Forwarder: a callable on an address text, NULL: no address is refused
    void *is_allowed            # borrowed from Forwarder: a callable on a connection's handle and an address text; NULL: none
    uint32_t radius             # hops to the farthest router
    entry_t **buckets           # owner: this; a power of two of them
    uint32_t bucket_count
    uint32_t entry_count
    router_t *routers           # owner: this; by index
    uint32_t router_count
    neighbor_t *neighbors       # owner: this; by slot
    uint32_t neighbor_count
    chunk_t *free_small         # kept for reuse, up to a bound
    chunk_t *free_large
    uint32_t free_small_count
    uint32_t free_large_count
    arrival_t *free_arrivals
    copy_t *free_copies
    content_t *free_contents
    metrics_t metrics
    heap_t heap
    char former_network[256]    # the id before it was changed: addresses of clients may still have it
    uint32_t former_network_length
