"""Native face of TLS: one context for each sslProfile and role, one session for each connection.

The descriptor of a session stays the caller's: it must be non-blocking, outlive the session, and is never closed here. A session
reads the descriptor itself: octets looked at before (to tell TLS from AMQP) must have been peeked at, not taken.
Writes use MSG_NOSIGNAL, so a vanished peer never raises SIGPIPE.
"""

from libc.stdint cimport uint8_t

from skrouter.amqp.engine.openssl_api cimport BIO_METHOD, SSL
from skrouter.amqp.engine.tls_context cimport TlsContext, alpn_t, tls_context_t


cdef enum:
    # Results of tls_handshake().
    TLS_DONE = 0
    TLS_WANT_READ = 1
    TLS_WANT_WRITE = 2
    TLS_FAILED = 3

cdef enum:
    # Results of tls_read() and tls_write() below zero.
    TLS_AGAIN = -1   # wait until readable, or until writable if tls.want_write
    TLS_ERROR = -2   # the session is dead; tls_error() says why

cdef enum:
    TLS_ERROR_TEXT = 256

cdef struct tls_t:      # owner: the stream that called tls_new(); released by tls_free()
    SSL *ssl            # owner: this session; owns its BIO and its reference to the context
    BIO_METHOD *method  # owner: this session; must be released after `ssl`, whose BIO uses it
    int fd              # owner: the caller
    bint server
    bint ready          # the handshake is done
    bint want_write     # the last TLS_AGAIN or handshake waits for room to write
    bint failed         # a fatal error: no shutdown may be tried
    bint truncated      # the peer ended the stream without close-notify (tls_read gave TLS_ERROR)
    bint at_end         # the descriptor has no more octets
    int os_error        # errno of the descriptor's last failure, 0 if none
    alpn_t alpn         # copied from the context, which may be gone before the handshake
    char error[TLS_ERROR_TEXT]


# `host` (or NULL): the name or address of the peer, for a client: sent as SNI if it is a name, and, with `verify_host`, required
# in the peer's certificate. Gives NULL without memory, for an illegal name, and for a client with verify_host and no host.
cdef tls_t *tls_new(const tls_context_t *context, int fd, const char *host, bint verify_host) noexcept nogil
# For one client session, before its handshake: offer this one protocol instead of the context's list. False for a bad length.
cdef bint tls_offer(tls_t *tls, const char *protocol, size_t length) noexcept nogil
cdef void tls_free(tls_t *tls) noexcept nogil  # NULL is allowed; sends nothing
cdef int tls_handshake(tls_t *tls) noexcept nogil
# Octets read (> 0; `size` must be), 0 at the peer's close-notify, TLS_AGAIN or TLS_ERROR. With TLS 1.3 a server's refusal of our
# certificate arrives here, after our handshake was done.
cdef ssize_t tls_read(tls_t *tls, void *buffer, size_t size) noexcept nogil
# Octets taken (> 0, maybe fewer than `size`; 0 only for size 0), TLS_AGAIN or TLS_ERROR. After TLS_AGAIN the same octets must be
# offered again, from any address, and not fewer.
cdef ssize_t tls_write(tls_t *tls, const void *data, size_t size) noexcept nogil
cdef bint tls_pending(tls_t *tls) noexcept nogil  # octets are here already: epoll will not report them
# OpenSSL's own reason ("certificate verify failed: …"), "" before the first error; valid until tls_free().
cdef const char *tls_error(tls_t *tls) noexcept nogil
# The negotiated ALPN protocol, *length 0 if none; not terminated, valid until tls_free().
cdef const uint8_t *tls_alpn(tls_t *tls, unsigned *length) noexcept nogil
cdef void tls_shutdown(tls_t *tls) noexcept nogil  # best effort close-notify; never waits

# (protocol "TLSv1.3", cipher name, cipher bits, peer subject DN or None, peer certificate DER or None, ALPN protocol or None)
cdef object tls_facts(tls_t *tls)
