"""Failures that an operator wants to see, kept in a bounded list until control takes them.

Control learns of them by an eventfd that its loop watches: Python wakes up once for a burst, and never in good weather.
"""

from libc.stdint cimport uint32_t
from libc.stdio cimport snprintf
from libc.string cimport strchr, strncpy
from posix.unistd cimport close, read, write

from skrouter.adaptors.tcp.bridge.model cimport END_ABORTED, END_REFUSED, END_RESET, NOTICES, notice_t
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
    int getnameinfo(const sockaddr *address, socklen_t size, char *host, socklen_t host_size,
                    char *service, socklen_t service_size, int flags)


cdef enum:
    HOST_TEXT = 56                  # an IPv6 address with its zone
    SERVICE_TEXT = 8                # a port number


cdef const char *ending_text(ending why) noexcept nogil:
    if why == END_RESET:
        return b"reset"
    if why == END_ABORTED:
        return b"aborted"
    return b"refused" if why == END_REFUSED else b"timeout"


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


cdef bint _names(const address_t *address, char *host, char *service) noexcept nogil:
    return address.size != 0 and getnameinfo(<const sockaddr *>address.octets, address.size, host, HOST_TEXT, service,
                                             SERVICE_TEXT, NI_NUMERICHOST | NI_NUMERICSERV) == 0


cdef void address_print(const address_t *address, char *text) noexcept nogil:
    cdef char host[HOST_TEXT]
    cdef char service[SERVICE_TEXT]
    text[0] = 0
    if _names(address, host, service):
        snprintf(text, ADDRESS_TEXT, b"[%s]:%s" if strchr(host, c":") != NULL else b"%s:%s", host, service)


cdef tuple address_parts(const address_t *address):
    cdef char host[HOST_TEXT]
    cdef char service[SERVICE_TEXT]
    if not _names(address, host, service):
        return "", ""
    return host.decode(), service.decode()


cdef str address_text(const address_t *address):
    cdef char text[ADDRESS_TEXT]
    address_print(address, text)
    return (<const char *>text).decode()


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
