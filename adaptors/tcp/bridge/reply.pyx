"""A reply address for each connection that a service accepts: `<prefix>temp.<15 characters>`, known to this router alone."""

from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport malloc
from libc.string cimport memcpy

from skrouter.adaptors.tcp.bridge.model cimport REPLY_TOKEN
from skrouter.router.forwarder.model cimport TREATMENT_CLOSEST
from skrouter.router.forwarder.tables cimport entry_add, entry_add_consumer, entry_drop_consumer, entry_remove

from skrouter.amqp import _proton  # noqa: F401


cdef extern from "sys/random.h" nogil:
    ssize_t getrandom(void *buffer, size_t size, unsigned int flags)

cdef const char *ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+_"

cdef enum:
    KEY_LENGTH = 6 + REPLY_TOKEN    # "Ltemp." and the token


cdef bint _write_key(char *key) noexcept nogil:
    cdef uint8_t octets[REPLY_TOKEN]
    cdef int i
    if getrandom(octets, REPLY_TOKEN, 0) != REPLY_TOKEN:
        return False
    memcpy(key, b"Ltemp.", 6)
    for i in range(REPLY_TOKEN):
        key[6 + i] = ALPHABET[octets[i] & 63]
    return True


cdef bint reply_open(flow_t *flow) noexcept nogil:
    cdef char key[KEY_LENGTH]
    cdef uint32_t prefix = flow.bridge.reply_prefix.length
    flow.reply.at = <char *>malloc(prefix + KEY_LENGTH)
    if flow.reply.at == NULL or not _write_key(key):
        return False
    memcpy(flow.reply.at, flow.bridge.reply_prefix.at, prefix)
    memcpy(flow.reply.at + prefix, key + 1, KEY_LENGTH - 1)
    flow.reply.length = prefix + KEY_LENGTH - 1
    flow.reply_entry = entry_add(flow.bridge.forwarder, key, KEY_LENGTH, TREATMENT_CLOSEST)
    return flow.reply_entry != NULL and entry_add_consumer(flow.reply_entry, flow.link)


cdef void reply_close(flow_t *flow) noexcept nogil:
    if flow.reply_entry == NULL:
        return
    entry_drop_consumer(flow.reply_entry, flow.link)
    entry_remove(flow.bridge.forwarder, flow.reply_entry)
    flow.reply_entry = NULL
