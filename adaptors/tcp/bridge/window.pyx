"""How far a socket's reader may be ahead of the other side's writer: bandwidth times delay of the path (ADR 0027).

    reader: octets_in ------------------ path ------------------> octets_out :writer
            acknowledged <-- RECEIVED, offset and permit --------- reported

A window begins with the reference's MiB (spec: tcp-adaptor §3.4). It grows only for a writer that permits more, and only as
far as rounds measure: after a round (the time until octets just read are acknowledged) that was short of room, four times
the best rate of late times the shortest round. A slow writer has long rounds, so its window stays; a long path has them from the start.
What all writers of a router permit beyond the reference's window is bounded by its budget.
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from skrouter.adaptors.tcp.bridge.model cimport (
    BUDGET_SHARE,
    FIRST_REPORT,
    PERMIT_LIMIT,
    REPORT_AFTER,
    WINDOW,
    bridge_t,
    window_t,
)
from skrouter.amqp.engine.poller cimport SCRATCH

from skrouter.amqp import _proton  # noqa: F401


cdef extern from "time.h" nogil:
    enum:
        CLOCK_MONOTONIC
    struct timespec:
        long tv_sec
        long tv_nsec
    int clock_gettime(int clock, timespec *time)

cdef enum:
    GAIN = 4                        # window for each product of rate and delay: lost packets make rounds of several delays
    FADING = 8                      # rounds in which a rate of old counts ever less
    SECOND = 1000000
    KIB = 1024


cdef int64_t _now() noexcept nogil:
    """Microseconds."""
    cdef timespec time
    clock_gettime(CLOCK_MONOTONIC, &time)
    return <int64_t>time.tv_sec * 1000000 + time.tv_nsec // 1000


# --- the reader's side

cdef size_t _per_read(const bridge_t *bridge) noexcept nogil:
    """Octets of one read; fewer while buffers take much of the memory that they may take (spec: §3.4)."""
    cdef uint64_t held = bridge.forwarder.metrics.chunks_live
    if held * 2 < bridge.memory_ceiling:
        return SCRATCH
    if held * 4 < bridge.memory_ceiling * 3:
        return SCRATCH // 2
    return SCRATCH // 4 if held * 20 < bridge.memory_ceiling * 17 else SCRATCH // 8


cdef size_t window_room(flow_t *flow) noexcept nogil:
    cdef uint64_t ahead = flow.octets_in - flow.acknowledged
    cdef uint64_t size = WINDOW + flow.window.extra
    if flow.unlimited:
        return _per_read(flow.bridge)
    if ahead >= size:
        flow.window.was_short = True
        return 0
    return min(<uint64_t>_per_read(flow.bridge), size - ahead)


cdef void window_read(flow_t *flow, size_t size) noexcept nogil:
    """Rounds begin once there is enough for a first report: an earlier one would measure the client's pauses."""
    flow.octets_in += size
    if flow.window.mark == 0 and flow.octets_in >= FIRST_REPORT:
        _begin_round(flow, _now())


cdef void _begin_round(flow_t *flow, int64_t now) noexcept nogil:
    cdef window_t *window = &flow.window
    window.mark = flow.octets_in
    window.marked_at = now
    window.marked_offset = flow.acknowledged
    window.was_short = False


cdef void _end_round(flow_t *flow) noexcept nogil:
    cdef window_t *window = &flow.window
    cdef int64_t now = _now()
    cdef uint64_t took = max(now - window.marked_at, 1)
    cdef uint64_t passed = flow.acknowledged - window.marked_offset
    cdef uint64_t rate = passed * SECOND // took
    cdef uint64_t wanted
    window.best = max(rate, window.best - window.best // FADING)
    if window.shortest == 0 or took < window.shortest:
        window.shortest = took
    wanted = GAIN * window.best * window.shortest // SECOND
    if window.was_short and wanted > WINDOW + window.extra:
        window.extra = min(wanted - WINDOW, <uint64_t>PERMIT_LIMIT)
    _begin_round(flow, now)


cdef void window_acknowledged(flow_t *flow, uint64_t offset, uint32_t permit) noexcept nogil:
    cdef window_t *window = &flow.window
    cdef uint64_t allowed = <uint64_t>permit * KIB
    if offset <= flow.acknowledged:
        return
    flow.acknowledged = min(offset, flow.octets_in)
    if window.mark and flow.acknowledged >= window.mark:
        _end_round(flow)
    window.extra = min(window.extra, allowed - WINDOW if allowed > WINDOW else 0)


# --- the writer's side

cdef bint window_report_is_due(const flow_t *flow) noexcept nogil:
    """Soon for the first time, so that the other side knows the path and what is permitted."""
    return flow.octets_out - flow.reported >= <uint64_t>(REPORT_AFTER if flow.reported else FIRST_REPORT)


cdef uint32_t window_permit(flow_t *flow) noexcept nogil:
    """An equal share of the budget for each that reports, and never more than is left of it."""
    cdef bridge_t *bridge = flow.bridge
    cdef uint64_t left
    if not flow.window.permits:
        flow.window.permits = True
        bridge.permitting += 1
    bridge.permitted -= flow.window.permitted
    left = bridge.memory_ceiling // BUDGET_SHARE
    left = left - bridge.permitted if left > bridge.permitted else 0
    flow.window.permitted = min(<uint64_t>PERMIT_LIMIT, left, bridge.memory_ceiling // BUDGET_SHARE // bridge.permitting)
    bridge.permitted += flow.window.permitted
    return <uint32_t>((WINDOW + flow.window.permitted) // KIB)


cdef void window_free(flow_t *flow) noexcept nogil:
    if flow.window.permits:
        flow.window.permits = False
        flow.bridge.permitting -= 1
        flow.bridge.permitted -= flow.window.permitted
