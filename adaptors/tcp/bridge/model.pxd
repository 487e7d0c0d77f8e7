"""The data of the TCP bridge: who owns what.

    bridge --listeners--> service (a tcpListener) --accepts--> flow (client side)
           --connectors-> server (a tcpConnector) --dispatch-> flow (server side)
           --flows------> every flow

* A `flow_t` is one TCP connection: its socket, the arrival its octets go into, the copy whose octets it writes.
* A flow is freed by its own task and nowhere else, but for the closing of the whole bridge.
* A `service_t` or `server_t` outlives its removal until its last flow is gone (`flows`).
* A `record_t` belongs to the bridge's `records_t` and outlives its flow: it is freed once it has ended and Python has taken it.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from skrouter.amqp.engine.poller cimport alarm_t, engine_t, task_t, watch_t
from skrouter.amqp.engine.stream cimport STREAM_REASON, stream_t
from skrouter.amqp.engine.tls_context cimport tls_context_t
from skrouter.router.forwarder.model cimport arrival_t, copy_t, entry_t, forwarder_t, link_t

cdef enum:
    WINDOW = 1048576                # octets read from a socket that the other side has not written yet (spec: §3.4)
    PERMIT_LIMIT = 15728640         # octets that a window may be larger: 16 MiB in all
    BUDGET_SHARE = 16               # what part of the memory ceiling all permits beyond WINDOW may make up: 1/16
    FIRST_REPORT = 65536            # octets written to a socket before the first report to the other side
    REPORT_AFTER = 524288           # octets between two later ones
    PATIENCE = 3000                 # milliseconds in which a stream that no router has a way for is tried again
    PROXY_ROOM = 1040               # octets of a PROXY header
    HALF_CLOSED_TIME = 3600000      # milliseconds that a half-closed connection may be idle
    ANSWER_TIME = 10000             # milliseconds between a client stream's acceptance and the beginning of its server stream
    RETRY = 100                     # milliseconds between two such tries
    REPLY_TOKEN = 15                # characters that make a reply address unique
    TEXT_LIMIT = 2048               # octets of an address
    ALPN_LIMIT = 256                # octets of a protocol name
    HEAD_ROOM = 8192                # octets that the sections before the payload may take
    ACCEPTS_PER_PASS = 64
    LISTEN_PLACES = 8               # addresses of one listener's host
    ACCEPT_PAUSE = 200              # milliseconds without accepting when the process is out of descriptors
    OCTETS_PER_PASS = 1048576       # written for one flow before others get their turn
    HANDSHAKE_TIME = 60000          # milliseconds for TLS, or for a client stream's head
    NOTICES = 64                    # kept for control; more are only counted
    RECORD_SLOTS = 5                # flush ticks until a changed record is told (spec: vanflow §4)
    RECORD_LIMIT = 5000             # live records at which none is made any more
    RECORD_RESUME = 4990            # ... until there are fewer than these again
    RECORD_TAKES = 200              # records that Python sees for the first time at one tick
    SOURCE_LENGTH = 5               # characters of a source id
    IDENTITY_LIMIT = 27             # octets of a record's identity, and one

cdef enum flow_state:
    FLOW_PREFACE                    # client side: the PROXY header is not complete yet
    FLOW_HEAD                       # server side: the client stream's head is not complete yet
    FLOW_CONNECTING                 # server side: TCP connect under way
    FLOW_TLS                        # TLS handshake
    FLOW_OPEN                       # octets pass
    FLOW_DRAIN                      # nobody wants our octets any more; what is there for the socket is still written
    FLOW_LINGER                     # the socket is closed; the other side has not settled our stream yet
    FLOW_DEAD                       # only waits to be freed

cdef struct text_t:                 # owner: the struct it is part of
    char *at
    uint32_t length

cdef struct address_t:              # a packed sockaddr
    uint32_t size
    uint8_t octets[128]

cdef struct counters_t:
    uint64_t opened
    uint64_t closed
    uint64_t octets_in              # read from sockets
    uint64_t octets_out             # written to sockets

cdef enum ending:                   # why a connection has ended; the first reason counts
    END_ORDERLY                     # both directions came to their end
    END_RESET                       # its socket broke, or was reset
    END_ABORTED                     # the other side's stream broke off: its socket was reset, or a router on the way was lost
    END_REFUSED                     # the other side did not take our stream: connect failed there, or nobody serves the address
    END_CONNECT                     # no target of the server took it
    END_TLS                         # the handshake failed
    END_PREFACE                     # no valid PROXY header
    END_DELETED                     # its listener or connector was deleted
    END_FORCED                      # by a management request
    END_TIMEOUT                     # no handshake, no answer, or half-closed and idle
    ENDINGS

cdef enum observed:                 # of a service, and what an observer has found
    OBSERVE_AUTO
    OBSERVE_NONE
    OBSERVE_HTTP1
    OBSERVE_HTTP2

cdef enum proxy_use:                # of a service
    PROXY_NONE
    PROXY_PASS                      # servers may be told the address of the client
    PROXY_ACCEPT                    # clients begin with a header, which says whose connection it is

cdef enum notice_kind:
    NOTICE_CONNECT_FAILED           # no target of a server answered
    NOTICE_TLS_FAILED               # a handshake failed
    NOTICE_ACCEPT_FAILED            # a service could not take a connection
    NOTICE_ENDED                    # a connection has come to another end than its own
    NOTICE_PREFACE_REFUSED          # a client began without a valid PROXY header

cdef struct notice_t:               # something that control should log
    notice_kind kind
    uint64_t handle                 # of the service or server
    address_t peer
    char reason[STREAM_REASON]

cdef enum record_kind:
    RECORD_TPORT = 0x10             # a connection that a service has accepted
    RECORD_APP = 0x11               # a request that an observer has seen in it
    RECORD_CO = 0x110               # what a server of ours adds to the record of a client's connection, which may be elsewhere

cdef struct request_t:              # owner: its record; texts end with 0, "" is unknown
    char protocol[16]               # "HTTP/1.1"
    char method[32]
    char result[8]                  # the status code
    char reason[64]
    char source_host[128]           # X-Forwarded-For
    uint64_t stream                 # id of an HTTP/2 stream; 0: none

cdef struct record_t:               # owner: the bridge's records; who has begun it writes it, up to record_end
    record_t *previous              # in the queue of its slot, while `queued`
    record_t *next                  # the same, or in the list of free ones
    record_kind kind
    uint64_t number                 # the identity is `<source>:<number>`; of a co-record only its slot
    char identity[IDENTITY_LIMIT]   # of a co-record: whose record it adds to
    uint64_t parent                 # number of the listener's or connection's record; of a co-record: the connector's
    int64_t started                 # microseconds since 1970
    int64_t ended                   # 0: not yet
    int64_t asked                   # microseconds of the monotonic clock: first octet of the side that asks; 0: none yet
    uint64_t latency                # microseconds from there to the first octet of the answer; 0: none yet
    uint64_t octets                 # from the client to the server; of a connection, counted by its flow while that lives
    uint64_t octets_reverse
    address_t place                 # the client; of a co-record: our end of the connection to the server
    char *trace                     # owner: this; routers on the way, of a co-record
    char *error                     # owner: this; why this side failed; NULL: it has not
    request_t *request              # owner: this; of a request, else NULL
    flow_t *flow                    # borrowed; NULL: of a request, or the connection is gone
    bint queued
    bint taken                      # Python knows of it

cdef struct records_t:              # part of the bridge
    char source[SOURCE_LENGTH + 1]  # "": nobody wants records, none is made
    uint64_t next_number
    bint wanted                     # somebody hears of connections and requests; else short ones are forgotten at their end
    uint32_t live                   # records of connections and requests, those included that Python still holds
    uint32_t co_live
    uint64_t co_turn                # spreads co-records over the slots
    bint throttled
    uint64_t dropped                # never made, for the limit
    record_t *first[RECORD_SLOTS]   # changed since Python took them, oldest first
    record_t *last[RECORD_SLOTS]
    record_t *free

cdef struct option_t:               # owner: its service, until that is freed: flows point to the address
    text_t address
    uint32_t weight                 # share of new connections; 0: none
    uint64_t opened
    uint64_t record                 # number of its LISTENER record

cdef struct service_t:              # owner: its bridge
    watch_t watches[LISTEN_PLACES]  # fd: owned here; a host may have several addresses
    uint32_t watch_count
    alarm_t alarm                   # end of a pause in accepting
    bridge_t *bridge
    uint64_t handle
    option_t *options               # owner: this; one, or more with a multi-address strategy
    uint32_t option_count
    const tls_context_t *tls        # borrowed from the Bridge object, which keeps the TlsContext; NULL: plain
    proxy_use proxy
    observed observe                # of connections from now on
    link_t *link                    # incoming, anonymous; its arrivals are the client streams
    counters_t counters
    uint32_t flows
    bint removed
    service_t *previous
    service_t *next

cdef struct server_t:               # owner: its bridge
    bridge_t *bridge
    uint64_t handle
    text_t address
    text_t host                     # as configured: TLS server name
    const tls_context_t *tls        # borrowed, as above
    bint verify
    bint introduces                 # connections begin with a PROXY header
    address_t *targets              # owner: this; where to connect, in order
    uint32_t target_count
    uint32_t preferred              # the one that answered last
    uint64_t failures               # connects that failed at every target
    uint64_t record                 # number of its CONNECTOR record
    link_t *link                    # outgoing: client streams are dispatched from its queue; NULL once removed
    counters_t counters
    uint32_t flows
    bint removed
    server_t *previous
    server_t *next

cdef struct window_t:               # owner: its flow; see window.pyx
    uint64_t extra                  # reader's side: octets beyond WINDOW
    uint64_t mark                   # the round ends when this offset is acknowledged; 0: none has begun
    int64_t marked_at               # microseconds
    uint64_t marked_offset          # acknowledged when it began
    uint64_t shortest               # microseconds of the shortest round; 0: unknown
    uint64_t best                   # octets a second, of late
    bint was_short                  # of room in this round
    bint permits                    # writer's side: has reported, and so has a share of the budget
    uint64_t permitted              # octets beyond WINDOW

cdef struct observer_t:             # owner: its flow; see observer.pyx
    bridge_t *bridge
    uint64_t parent                 # number of the connection's record
    observed protocol               # OBSERVE_AUTO: not known yet
    uint8_t first[24]               # octets of the client, until it is
    uint32_t first_length
    uint8_t *held                   # owner: this; octets of the server meanwhile
    uint32_t held_length
    void *http1                     # owner: this; see http1.pyx, http2.pyx
    void *http2

cdef struct preface_t:              # owner: its flow, while a PROXY header is read
    size_t length
    uint8_t octets[PROXY_ROOM]

cdef struct flow_t:                 # owner: its bridge
    stream_t stream
    bridge_t *bridge
    service_t *service              # client side; NULL on the server side
    server_t *server                # server side; NULL on the client side
    flow_state state
    task_t task
    alarm_t alarm                   # end of the time for a head or a TLS handshake; next try of a stream without a way
    uint64_t handle
    int64_t opened_at               # milliseconds of the monotonic clock
    address_t peer
    address_t origin                # whose connection it is, where that is told from router to router; size 0: nobody's
    observer_t *observer            # owner: this; NULL: nothing is observed
    preface_t *preface              # owner: this; NULL: no PROXY header is expected
    text_t address                  # of the service; the octets belong to its option or server
    arrival_t *inbound              # what is read from the socket; NULL: not begun, or settled
    link_t *link                    # outgoing, this flow's own
    copy_t *outbound                # what is written to the socket; NULL: not begun, or finished
    record_t *record                # borrowed; NULL: throttled, or nobody wants records
    entry_t *reply_entry            # client side: owned here
    text_t reply                    # address of the server stream
    char alpn[ALPN_LIMIT]
    uint32_t alpn_length
    uint64_t octets_in              # read from the socket
    uint64_t octets_out             # written to the socket
    uint64_t acknowledged           # octets of octets_in that the other side has written
    uint64_t reported               # octets of octets_out that the other side knows of
    window_t window
    int64_t patient_until           # milliseconds: our stream may wait for a way
    uint64_t verdict                # terminal state of `inbound`; 0: none yet
    uint32_t attempt                # server side: targets tried
    bint counted                    # in the counters of its service or server
    bint moved                      # in moved_count of the server's link
    bint unlimited                  # the window does not count any more
    bint headed                     # the head of `outbound` is behind us
    ending why                      # it ends
    uint64_t moved_octets           # octets both ways when `alarm` was set for a half-closed connection
    bint waits                      # `inbound` has no way at the moment
    bint ended_in                   # the socket's octets have ended
    bint ended_out                  # all octets are written, and the end of the stream too
    bint sender_gone                # the sender of `outbound` has settled
    bint aborted                    # `outbound` will never be complete
    bint blocked                    # the socket takes no octets now
    bint broken                     # the socket failed, or the flow is to be closed
    flow_t *previous
    flow_t *next

cdef struct bridge_t:               # owner: Bridge
    engine_t *engine                # borrowed, like the forwarder
    forwarder_t *forwarder
    text_t reply_prefix             # "amqp:/_topo/0/<id>/"
    link_t *replies                 # incoming, anonymous; its arrivals are the server streams
    service_t *services
    server_t *servers
    flow_t *flows
    uint32_t flow_count
    uint64_t endings[ENDINGS]       # connections that have ended, by reason
    uint32_t half_closed_time       # milliseconds
    uint64_t memory_ceiling         # octets
    uint64_t permitted              # octets beyond WINDOW that flows have permitted
    uint32_t permitting             # flows that have
    int notice_fd                   # eventfd, owned here: readable while notices wait
    notice_t notices[NOTICES]
    uint32_t notice_count
    uint64_t notices_dropped
    records_t records
