"""Native face of a TLS context: certificates, trust and limits of an sslProfile in one role."""

from libc.stdint cimport uint8_t

from skrouter.amqp.engine.openssl_api cimport SSL_CTX


cdef enum:
    ALPN_LIST = 256

cdef struct alpn_t:  # protocol names as TLS carries them: each behind its length
    unsigned length
    uint8_t list[ALPN_LIST]

cdef struct tls_context_t:
    SSL_CTX *ctx     # owner: the TlsContext; reference counted by OpenSSL, and each session's SSL holds its own
    bint server
    alpn_t alpn


cdef class TlsContext:
    """Shared by connections, which may outlive it."""

    cdef tls_context_t *context  # owner: this object; sessions keep what they need of it


# OpenSSL's text for an entry of its error queue; constant, never NULL.
cdef const char *openssl_reason(unsigned long error) noexcept nogil
