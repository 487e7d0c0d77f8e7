"""Failures that an operator wants to see, kept in a bounded list until control takes them.

Control learns of them by an eventfd that its loop watches: Python wakes up once for a burst, and never in good weather.
"""

from libc.stdint cimport uint32_t
from libc.string cimport strncpy
from posix.unistd cimport close, read, write

from skrouter.adaptors.tcp.bridge.model cimport NOTICES, notice_t
from skrouter.amqp.engine.stream cimport STREAM_REASON

from skrouter.amqp import _proton  # noqa: F401


cdef extern from "sys/eventfd.h" nogil:
    enum:
        EFD_NONBLOCK
        EFD_CLOEXEC
    int eventfd(unsigned int value, int flags)

cdef extern from "sys/socket.h" nogil:
    ctypedef unsigned int socklen_t
    struct sockaddr:
        pass

cdef extern from "netdb.h" nogil:
    enum:
        NI_NUMERICHOST
        NI_NUMERICSERV
        NI_MAXHOST
        NI_MAXSERV
    int getnameinfo(const sockaddr *address, socklen_t size, char *host, socklen_t host_size,
                    char *service, socklen_t service_size, int flags)


cdef bint notices_open(bridge_t *bridge) noexcept nogil:
    bridge.notice_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)
    return bridge.notice_fd >= 0


cdef void notices_close(bridge_t *bridge) noexcept nogil:
    if bridge.notice_fd >= 0:
        close(bridge.notice_fd)
    bridge.notice_fd = -1


cdef void notice_add(bridge_t *bridge, notice_kind kind, uint64_t handle, const address_t *peer, const char *reason) noexcept nogil:
    cdef uint64_t one = 1
    cdef notice_t *notice
    if bridge.notice_count == NOTICES:
        bridge.notices_dropped += 1
        return
    notice = &bridge.notices[bridge.notice_count]
    bridge.notice_count += 1
    notice.kind = kind
    notice.handle = handle
    notice.peer = peer[0]
    strncpy(notice.reason, reason, STREAM_REASON - 1)
    notice.reason[STREAM_REASON - 1] = 0
    write(bridge.notice_fd, &one, sizeof(one))


cdef str address_text(const address_t *address):
    cdef char host[NI_MAXHOST]
    cdef char service[NI_MAXSERV]
    if address.size == 0 or getnameinfo(<const sockaddr *>address.octets, address.size, host, sizeof(host), service,
                                        sizeof(service), NI_NUMERICHOST | NI_NUMERICSERV) != 0:
        return ""
    name = host.decode()
    return f"[{name}]:{service.decode()}" if ":" in name else f"{name}:{service.decode()}"


cdef list notices_take(bridge_t *bridge):
    cdef uint64_t value
    cdef uint32_t i
    taken = []
    read(bridge.notice_fd, &value, sizeof(value))
    for i in range(bridge.notice_count):
        taken.append((<int>bridge.notices[i].kind, bridge.notices[i].handle, address_text(&bridge.notices[i].peer),
                      (<const char *>bridge.notices[i].reason).decode("utf-8", "replace")))
    bridge.notice_count = 0
    return taken
