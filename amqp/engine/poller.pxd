"""Native face of the poller: descriptors, alarms, deferred tasks, handles, and events for control.

Ownership: `engine_t` belongs to its `Engine`. A `watch_t`, `alarm_t` or `task_t` is embedded in the thing that
uses it; the engine only keeps it linked, so its owner must unlink it before it frees itself.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

ctypedef void (*ready_fn)(watch_t *watch, uint32_t events) noexcept nogil
ctypedef void (*due_fn)(alarm_t *alarm) noexcept nogil
ctypedef void (*task_fn)(task_t *task) noexcept nogil

cdef struct watch_t:        # one descriptor in epoll
    int fd
    uint32_t interest       # EPOLLIN | EPOLLOUT as registered now
    ready_fn ready          # NULL: the descriptor belongs to Python
    void *owner             # borrowed: what `ready` works on

cdef struct alarm_t:        # one deadline; linked in the engine's wheel while `armed`
    alarm_t *previous
    alarm_t *next
    int64_t deadline        # milliseconds of the monotonic clock
    due_fn due
    void *owner             # borrowed
    bint armed

cdef struct task_t:         # work to do once at the end of the current pass; linked while `queued`
    task_t *next
    task_fn run
    void *owner             # borrowed
    bint queued

cdef enum handle_kind:
    HANDLE_FREE = 0
    HANDLE_LISTENER
    HANDLE_CONNECTION
    HANDLE_LINK
    HANDLE_ENTRY
    HANDLE_ENDPOINT
    HANDLE_ADAPTOR

cdef struct slot_t:
    void *thing             # borrowed: what the handle names
    uint32_t generation
    uint32_t kind
    uint32_t next_free

cdef enum:
    WHEEL_SLOTS = 512
    WHEEL_TICK = 100        # milliseconds: the resolution of alarms
    BATCH = 256             # descriptors looked at in one pass
    SCRATCH = 262144        # octets of the shared read buffer and of the shared write buffer

cdef struct engine_t:
    int epoll_fd
    int wake_fd                     # eventfd: lets another thread end a wait
    watch_t wake_watch
    int64_t now                     # milliseconds, read once a pass
    uint64_t delivery_tag           # next tag; shared by all links of the router
    uint8_t *read_scratch           # owner: this engine; used within one call only
    uint8_t *write_scratch
    void *batch                     # the epoll events of the running pass
    int batch_length
    int batch_next
    alarm_t wheel[WHEEL_SLOTS]      # heads of circular lists
    int64_t wheel_tick              # the tick up to which alarms have run
    int armed                       # how many alarms
    task_t *first_task
    task_t *last_task
    slot_t *slots                   # owner: this engine
    uint32_t slot_count
    uint32_t slot_free
    void *events                    # borrowed: the Engine's list of events for control
    int pending                     # length of that list
    void *protocol                  # borrowed: protocol_t of pump.pxd, the layer above connections
    void *forwarder                 # borrowed: forwarder_t of that layer
    bint stopping

cdef class Engine:
    cdef engine_t *native           # owner: this object
    cdef list _events
    cdef dict _python_watches       # fd -> address of its watch_t, owned here

cdef int engine_watch(engine_t *engine, watch_t *watch, uint32_t interest) noexcept nogil
cdef int engine_change(engine_t *engine, watch_t *watch, uint32_t interest) noexcept nogil
cdef void engine_unwatch(engine_t *engine, watch_t *watch) noexcept nogil
cdef void engine_arm(engine_t *engine, alarm_t *alarm, int64_t deadline) noexcept nogil
cdef void engine_disarm(engine_t *engine, alarm_t *alarm) noexcept nogil
cdef void engine_defer(engine_t *engine, task_t *task) noexcept nogil
cdef void engine_undefer(engine_t *engine, task_t *task) noexcept nogil
cdef uint64_t engine_name(engine_t *engine, uint32_t kind, void *thing) noexcept nogil
cdef void *engine_find(engine_t *engine, uint32_t kind, uint64_t handle) noexcept nogil
cdef void engine_forget(engine_t *engine, uint64_t handle) noexcept nogil
cdef int engine_post(engine_t *engine, object event) except -1
