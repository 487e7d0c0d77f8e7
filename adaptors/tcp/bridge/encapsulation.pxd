"""Native face of the sections before a stream's octets (spec: tcp-adaptor §3.1, §3.2)."""

from libc.stdint cimport uint8_t, uint32_t

from skrouter.adaptors.tcp.bridge.model cimport address_t, text_t

cdef enum head_check:
    STREAM_HEAD_DONE
    STREAM_HEAD_MORE                # more octets are needed
    STREAM_HEAD_MALFORMED
    STREAM_HEAD_FOREIGN             # a message, but not a TCP stream

cdef struct stream_head_t:          # pointers into the octets that were read
    size_t length                   # of the head: the payload begins there
    const uint8_t *reply_to
    uint32_t reply_to_length        # 0: none
    const uint8_t *flow             # identity of the client's flow record
    uint32_t flow_length            # 0: none
    const uint8_t *alpn
    uint32_t alpn_length            # 0: none
    address_t origin                # whose connection it is; size 0: it does not say

# Writes a head to `buffer`; its length, 0 if it does not fit. `reply_to` of length 0: a server stream's head. `flow`: identity
# of the flow record, length 0: none.
cdef size_t write_stream_head(uint8_t *buffer, size_t size, const text_t *to, const text_t *reply_to, const text_t *flow,
                              const char *alpn, uint32_t alpn_length, const address_t *origin) noexcept nogil
cdef head_check read_stream_head(const uint8_t *data, size_t length, stream_head_t *head) noexcept nogil
