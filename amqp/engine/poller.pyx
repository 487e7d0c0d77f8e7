"""The poller: epoll for every descriptor of the router, native and Python-owned alike.

`Engine.run` waits without the GIL, lets native descriptors do their work in place, and returns to Python
only when Python has something to do: a descriptor of its own is ready, control events are waiting, or the
time is up. One pass looks at a bounded number of descriptors, so neither plane starves the other.
"""

cimport cython
from libc.errno cimport EINTR, errno
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memset
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec
from posix.unistd cimport close, read, write


cdef extern from "sys/epoll.h" nogil:
    enum:
        EPOLLIN
        EPOLLOUT
        EPOLLERR
        EPOLLHUP
        EPOLL_CTL_ADD
        EPOLL_CTL_MOD
        EPOLL_CTL_DEL
        EPOLL_CLOEXEC
    ctypedef union epoll_data_t:
        void *ptr
    struct epoll_event:
        uint32_t events
        epoll_data_t data
    int epoll_create1(int flags)
    int epoll_ctl(int epoll, int operation, int fd, epoll_event *event)
    int epoll_wait(int epoll, epoll_event *events, int count, int timeout)

cdef extern from "sys/eventfd.h" nogil:
    enum:
        EFD_NONBLOCK
        EFD_CLOEXEC
    int eventfd(unsigned int value, int flags)


cdef int64_t _now() noexcept nogil:
    cdef timespec moment
    clock_gettime(CLOCK_MONOTONIC, &moment)
    return <int64_t>moment.tv_sec * 1000 + moment.tv_nsec // 1000000


# --- descriptors

cdef int _control(engine_t *engine, int operation, watch_t *watch, uint32_t interest) noexcept nogil:
    cdef epoll_event event
    event.events = interest
    event.data.ptr = watch
    watch.interest = interest
    return epoll_ctl(engine.epoll_fd, operation, watch.fd, &event)


cdef int engine_watch(engine_t *engine, watch_t *watch, uint32_t interest) noexcept nogil:
    """Begin to watch, level triggered; with nothing to watch for, later. Returns 0, or -1 with errno."""
    if interest == 0:
        watch.interest = 0
        return 0
    return _control(engine, EPOLL_CTL_ADD, watch, interest)


cdef int engine_change(engine_t *engine, watch_t *watch, uint32_t interest) noexcept nogil:
    """Watch for something else; free of charge when nothing changes.

    With nothing to watch for, the descriptor leaves epoll: level-triggered hang-ups would be reported for ever.
    """
    if watch.interest == interest:
        return 0
    if interest == 0:
        engine_unwatch(engine, watch)
        return 0
    return _control(engine, EPOLL_CTL_MOD if watch.interest else EPOLL_CTL_ADD, watch, interest)


cdef void engine_unwatch(engine_t *engine, watch_t *watch) noexcept nogil:
    """Stop watching. Events of the running pass for this descriptor are dropped: its owner may be freed."""
    cdef epoll_event *batch = <epoll_event *>engine.batch
    cdef int i
    if watch.interest:
        _control(engine, EPOLL_CTL_DEL, watch, 0)
    for i in range(engine.batch_next, engine.batch_length):
        if batch[i].data.ptr == watch:
            batch[i].data.ptr = NULL


# --- alarms: a wheel of lists; an alarm beyond one turn stays in its slot and is looked at once a turn

cdef void engine_arm(engine_t *engine, alarm_t *alarm, int64_t deadline) noexcept nogil:
    cdef int64_t tick = deadline // WHEEL_TICK + 1
    cdef alarm_t *head
    engine_disarm(engine, alarm)
    if tick <= engine.wheel_tick:
        tick = engine.wheel_tick + 1
    head = &engine.wheel[tick % WHEEL_SLOTS]
    alarm.deadline = deadline
    alarm.previous = head.previous
    alarm.next = head
    head.previous.next = alarm
    head.previous = alarm
    alarm.armed = True
    engine.armed += 1


cdef void engine_disarm(engine_t *engine, alarm_t *alarm) noexcept nogil:
    if not alarm.armed:
        return
    alarm.previous.next = alarm.next
    alarm.next.previous = alarm.previous
    alarm.armed = False
    engine.armed -= 1


cdef void _run_slot(engine_t *engine, alarm_t *head) noexcept nogil:
    """Run what is due in one slot. The due ones move to a list of their own first: `due` may arm again."""
    cdef alarm_t due
    cdef alarm_t *alarm = head.next
    cdef alarm_t *following
    due.next = due.previous = &due
    while alarm != head:
        following = alarm.next
        if alarm.deadline <= engine.now:
            alarm.previous.next = alarm.next
            alarm.next.previous = alarm.previous
            alarm.previous = due.previous
            alarm.next = &due
            due.previous.next = alarm
            due.previous = alarm
        alarm = following
    while due.next != &due:
        alarm = due.next
        engine_disarm(engine, alarm)
        alarm.due(alarm)


cdef void _run_alarms(engine_t *engine) noexcept nogil:
    cdef int64_t tick = engine.now // WHEEL_TICK
    cdef int turns = 0
    while engine.wheel_tick < tick and turns < WHEEL_SLOTS:
        engine.wheel_tick += 1
        turns += 1
        _run_slot(engine, &engine.wheel[engine.wheel_tick % WHEEL_SLOTS])
    engine.wheel_tick = tick


# --- deferred tasks

cdef void engine_defer(engine_t *engine, task_t *task) noexcept nogil:
    """Run the task once, at the end of this pass (or of the next, if tasks are being run now)."""
    if task.queued:
        return
    task.queued = True
    task.next = NULL
    if engine.last_task == NULL:
        engine.first_task = task
    else:
        engine.last_task.next = task
    engine.last_task = task


cdef void engine_undefer(engine_t *engine, task_t *task) noexcept nogil:
    cdef task_t *previous = NULL
    cdef task_t *current = engine.first_task
    if not task.queued:
        return
    while current != NULL and current != task:
        previous = current
        current = current.next
    if current == NULL:
        return
    if previous == NULL:
        engine.first_task = task.next
    else:
        previous.next = task.next
    if engine.last_task == task:
        engine.last_task = previous
    task.queued = False


cdef void _run_tasks(engine_t *engine) noexcept nogil:
    """Run tasks until none is left, or until a bound: a task that defers another may go round."""
    cdef task_t *task
    cdef int budget = 4096
    while engine.first_task != NULL and budget > 0:
        task = engine.first_task
        engine.first_task = task.next
        if engine.first_task == NULL:
            engine.last_task = NULL
        task.queued = False
        task.run(task)
        budget -= 1


# --- handles: an index and a generation, so that a name of something gone is refused, not misdirected

cdef uint64_t engine_name(engine_t *engine, uint32_t kind, void *thing) noexcept nogil:
    """A new handle; 0 when memory is short (0 never names anything)."""
    cdef uint32_t index = engine.slot_free
    if index == 0 and not _more_slots(engine):
        return 0
    index = engine.slot_free
    engine.slot_free = engine.slots[index].next_free
    engine.slots[index].thing = thing
    engine.slots[index].kind = kind
    return (<uint64_t>engine.slots[index].generation << 32) | index


cdef bint _more_slots(engine_t *engine) noexcept nogil:
    cdef uint32_t count = engine.slot_count * 2 if engine.slot_count else 256
    cdef slot_t *grown = <slot_t *>realloc(engine.slots, count * sizeof(slot_t))
    cdef uint32_t index
    if grown == NULL:
        return False
    memset(grown + engine.slot_count, 0, (count - engine.slot_count) * sizeof(slot_t))
    for index in range(count - 1, max(<int>engine.slot_count, 1) - 1, -1):  # slot 0 stays unused
        grown[index].generation = 1
        grown[index].next_free = engine.slot_free
        engine.slot_free = index
    engine.slots = grown
    engine.slot_count = count
    return True


cdef void *engine_find(engine_t *engine, uint32_t kind, uint64_t handle) noexcept nogil:
    cdef uint32_t index = <uint32_t>handle
    if index >= engine.slot_count or engine.slots[index].kind != kind:
        return NULL
    if engine.slots[index].generation != <uint32_t>(handle >> 32):
        return NULL
    return engine.slots[index].thing


cdef void engine_forget(engine_t *engine, uint64_t handle) noexcept nogil:
    cdef uint32_t index = <uint32_t>handle
    if index == 0 or index >= engine.slot_count or engine.slots[index].generation != <uint32_t>(handle >> 32):
        return
    engine.slots[index].kind = HANDLE_FREE
    engine.slots[index].thing = NULL
    engine.slots[index].generation = (engine.slots[index].generation + 1) & 0x7FFFFFFF
    engine.slots[index].next_free = engine.slot_free
    engine.slot_free = index


# --- events for control

cdef int engine_post(engine_t *engine, object event) except -1:
    """Append an event for control (a tuple: number, fields); the running pass will be the last one."""
    (<list>engine.events).append(event)
    engine.pending += 1
    return 0


# --- the loop

cdef void _on_wake(watch_t *watch, uint32_t events) noexcept nogil:
    cdef uint64_t value
    (<engine_t *>watch.owner).stopping = True
    read(watch.fd, &value, sizeof(value))


cdef int _pass(engine_t *engine, int timeout, int64_t *ready) noexcept nogil:
    """Wait once, let native descriptors work; fd and events of Python's go to `ready`. Returns how many, or -1."""
    cdef epoll_event batch[BATCH]
    cdef watch_t *watch
    cdef int found = 0
    engine.batch = batch
    engine.batch_length = epoll_wait(engine.epoll_fd, batch, BATCH, timeout)
    engine.now = _now()
    if engine.batch_length < 0:
        engine.batch_length = 0
        found = 0 if errno == EINTR else -1
    engine.batch_next = 0
    while engine.batch_next < engine.batch_length:
        watch = <watch_t *>batch[engine.batch_next].data.ptr
        engine.batch_next += 1
        if watch == NULL:
            continue
        if watch.ready == NULL:
            ready[found] = (<int64_t>watch.fd << 32) | batch[engine.batch_next - 1].events
            found += 1
        else:
            watch.ready(watch, batch[engine.batch_next - 1].events)
    engine.batch = NULL
    engine.batch_length = 0
    _run_alarms(engine)
    _run_tasks(engine)
    return found


cdef int _wait(engine_t *engine, int64_t deadline) noexcept nogil:
    """Milliseconds to wait now: to the deadline (-1 = none), but no longer than the next tick of the wheel."""
    cdef int64_t left = 1000
    if engine.first_task != NULL or engine.pending:
        return 0
    if engine.armed:
        left = (engine.wheel_tick + 1) * WHEEL_TICK - engine.now
    elif deadline < 0:
        return -1
    else:
        left = deadline - engine.now
    if deadline >= 0 and deadline - engine.now < left:
        left = deadline - engine.now
    return <int>max(left, 0)


cdef int _loop(engine_t *engine, int64_t deadline, int64_t *ready) noexcept nogil:
    cdef int found
    while True:
        found = _pass(engine, _wait(engine, deadline), ready)
        if found != 0 or engine.pending or engine.stopping:
            break
        if deadline >= 0 and engine.now >= deadline:
            break
    engine.stopping = False
    return found


@cython.no_gc_clear      # __dealloc__ needs what a collection would have cleared
cdef class Engine:
    """One poller and all native state that hangs off it. Python face: see poller.pyi."""

    def __cinit__(self):
        cdef int i
        self._events = []
        self._python_watches = {}
        self.native = <engine_t *>calloc(1, sizeof(engine_t))
        if self.native == NULL:
            raise MemoryError()
        self.native.events = <void *>self._events
        self.native.read_scratch = <uint8_t *>malloc(SCRATCH)
        self.native.write_scratch = <uint8_t *>malloc(SCRATCH)
        if self.native.read_scratch == NULL or self.native.write_scratch == NULL:
            raise MemoryError()
        for i in range(WHEEL_SLOTS):
            self.native.wheel[i].next = self.native.wheel[i].previous = &self.native.wheel[i]
        self.native.now = _now()
        self.native.wheel_tick = self.native.now // WHEEL_TICK
        self.native.epoll_fd = epoll_create1(EPOLL_CLOEXEC)
        self.native.wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)
        if self.native.epoll_fd < 0 or self.native.wake_fd < 0:
            raise OSError(errno, "cannot make the poller's descriptors")
        self.native.wake_watch.fd = self.native.wake_fd
        self.native.wake_watch.ready = _on_wake
        self.native.wake_watch.owner = self.native
        engine_watch(self.native, &self.native.wake_watch, EPOLLIN)

    def __dealloc__(self):
        if self.native == NULL:
            return
        self.close()
        free(self.native.read_scratch)
        free(self.native.write_scratch)
        free(self.native.slots)
        free(self.native)

    def close(self):
        """Close the poller's own descriptors; what it watched is left to its owners."""
        for address in self._python_watches.values():
            free(<void *><size_t>address)
        self._python_watches = {}
        if self.native.epoll_fd >= 0:
            close(self.native.epoll_fd)
            close(self.native.wake_fd)
            self.native.epoll_fd = self.native.wake_fd = -1

    def watch(self, int fd, uint32_t interest):
        """Watch a descriptor that belongs to Python."""
        cdef watch_t *watch = <watch_t *>calloc(1, sizeof(watch_t))
        if watch == NULL:
            raise MemoryError()
        watch.fd = fd
        if engine_watch(self.native, watch, interest) != 0:
            free(watch)
            raise OSError(errno, f"cannot watch descriptor {fd}")
        self._python_watches[fd] = <size_t>watch

    def change(self, int fd, uint32_t interest):
        """Watch a Python descriptor for something else."""
        if engine_change(self.native, <watch_t *><size_t>self._python_watches[fd], interest) != 0:
            raise OSError(errno, f"cannot watch descriptor {fd}")

    def unwatch(self, int fd):
        """Stop watching a Python descriptor; it may be closed already."""
        cdef watch_t *watch = <watch_t *><size_t>self._python_watches.pop(fd)
        engine_unwatch(self.native, watch)
        free(watch)

    def run(self, timeout=None):
        """Run native work until Python is needed. Returns [(fd, epoll events)] of ready Python descriptors."""
        cdef int64_t ready[BATCH]
        cdef int64_t deadline = -1
        cdef int found
        self.native.now = _now()
        if timeout is not None:
            deadline = self.native.now + <int64_t>(max(timeout, 0.0) * 1000 + 0.999)
        with nogil:
            found = _loop(self.native, deadline, ready)
        if found < 0:
            raise OSError(errno, "waiting for descriptors failed")
        return [(ready[i] >> 32, ready[i] & 0xFFFFFFFF) for i in range(found)]

    def wake(self):
        """End a running wait; may be called from another thread or a signal handler."""
        cdef uint64_t one = 1
        write(self.native.wake_fd, &one, sizeof(one))

    @property
    def pending(self):
        """How many events wait for control."""
        return self.native.pending

    def take_events(self):
        """The waiting events, oldest first, as (number, *fields); see skrouter.amqp.events."""
        events = self._events[:]
        self._events.clear()
        self.native.pending = 0
        return events

    @property
    def now(self):
        """Monotonic time of the running pass, in seconds."""
        return self.native.now / 1000
