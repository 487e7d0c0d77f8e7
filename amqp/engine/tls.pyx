"""TLS sessions over a non-blocking descriptor, by OpenSSL 3. Whom a session trusts is told in tls_context.pyx."""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport uint8_t
from libc.stdio cimport snprintf
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, strerror, strlen

from skrouter.amqp.engine.openssl_api cimport *
from skrouter.amqp.engine.tls_context cimport TlsContext, alpn_t, openssl_reason, tls_context_t

cdef extern from "arpa/inet.h" nogil:
    int AF_INET, AF_INET6
    int inet_pton(int family, const char *text, void *address)

cdef extern from "sys/socket.h" nogil:
    int MSG_NOSIGNAL
    ssize_t send(int fd, const void *data, size_t size, int flags)
    ssize_t recv(int fd, void *buffer, size_t size, int flags)


# ---- the BIO between OpenSSL and the descriptor

cdef tls_t *session_of(BIO *bio) noexcept nogil:
    return <tls_t *>BIO_get_data(bio)


cdef bint must_wait(tls_t *tls) noexcept nogil:
    """Whether the descriptor's last failure is none; keeps any other for the error text."""
    if errno == EAGAIN:
        return True
    tls.os_error = errno
    return False


cdef int bio_read(BIO *bio, char *buffer, int size) noexcept nogil:
    cdef tls_t *tls = session_of(bio)
    cdef ssize_t done = recv(tls.fd, buffer, <size_t>size, 0)
    while done < 0 and errno == EINTR:
        done = recv(tls.fd, buffer, <size_t>size, 0)
    BIO_clear_retry_flags(bio)
    if done == 0:
        tls.at_end = True
    elif done < 0 and must_wait(tls):
        BIO_set_retry_read(bio)
    return <int>done


cdef int bio_write(BIO *bio, const char *data, int size) noexcept nogil:
    # OpenSSL's own socket BIO would raise SIGPIPE in a process that does not ignore it.
    cdef tls_t *tls = session_of(bio)
    cdef ssize_t done = send(tls.fd, data, <size_t>size, MSG_NOSIGNAL)
    while done < 0 and errno == EINTR:
        done = send(tls.fd, data, <size_t>size, MSG_NOSIGNAL)
    BIO_clear_retry_flags(bio)
    if done < 0 and must_wait(tls):
        BIO_set_retry_write(bio)
    return <int>done


cdef long bio_ctrl(BIO *bio, int command, long number, void *pointer) noexcept nogil:
    if command == BIO_CTRL_EOF:
        return session_of(bio).at_end
    return command == BIO_CTRL_FLUSH


cdef bint attach_bio(tls_t *tls) noexcept nogil:
    cdef BIO *bio
    tls.method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, b"skrouter descriptor")
    if tls.method == NULL:
        return False
    BIO_meth_set_read(tls.method, bio_read)
    BIO_meth_set_write(tls.method, bio_write)
    BIO_meth_set_ctrl(tls.method, bio_ctrl)
    bio = BIO_new(tls.method)
    if bio == NULL:
        return False
    BIO_set_data(bio, tls)
    BIO_set_init(bio, 1)
    SSL_set_bio(tls.ssl, bio, bio)  # takes the one reference
    return True


# ---- reasons

cdef void note_ssl_error(tls_t *tls) noexcept nogil:
    """Keep the first reason in OpenSSL's queue; for a refused certificate also what is wrong with it."""
    cdef unsigned long error = ERR_peek_error()
    cdef long verdict = SSL_get_verify_result(tls.ssl)
    cdef bint refused = ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED and verdict != X509_V_OK
    tls.truncated = ERR_GET_REASON(error) == SSL_R_UNEXPECTED_EOF_WHILE_READING
    if refused:
        snprintf(tls.error, TLS_ERROR_TEXT, b"%s: %s", openssl_reason(error), X509_verify_cert_error_string(verdict))
    else:
        snprintf(tls.error, TLS_ERROR_TEXT, b"%s", openssl_reason(error))


cdef void note_os_error(tls_t *tls) noexcept nogil:
    tls.truncated = tls.at_end
    if tls.os_error:
        snprintf(tls.error, TLS_ERROR_TEXT, b"%s", strerror(tls.os_error))
    else:
        snprintf(tls.error, TLS_ERROR_TEXT, b"unexpected eof while reading")


cdef ssize_t failure(tls_t *tls, int result) noexcept nogil:
    """What a failed call of OpenSSL means: 0, TLS_AGAIN or TLS_ERROR; keeps the reason."""
    cdef int error = SSL_get_error(tls.ssl, result)
    tls.want_write = error == SSL_ERROR_WANT_WRITE
    if error == SSL_ERROR_WANT_READ or error == SSL_ERROR_WANT_WRITE:
        return TLS_AGAIN
    if error == SSL_ERROR_ZERO_RETURN:
        return 0
    tls.failed = True
    if error == SSL_ERROR_SSL:
        note_ssl_error(tls)
    else:
        note_os_error(tls)
    return TLS_ERROR


cdef ssize_t fail(tls_t *tls, const char *text) noexcept nogil:
    """A failure that OpenSSL has no words for."""
    tls.failed = True
    snprintf(tls.error, TLS_ERROR_TEXT, b"%s", text)
    return TLS_ERROR


cdef void begin_call(tls_t *tls) noexcept nogil:
    # SSL_get_error() reads the thread's queue: what others left there would be taken for this session's.
    ERR_clear_error()
    tls.os_error = 0


# ---- sessions

cdef bint is_address(const char *host) noexcept nogil:
    cdef uint8_t[16] address
    return inet_pton(AF_INET, host, address) == 1 or inet_pton(AF_INET6, host, address) == 1


cdef bint expect_host(tls_t *tls, const char *host) noexcept nogil:
    """Require the name or address in the peer's certificate."""
    cdef X509_VERIFY_PARAM *param = SSL_get0_param(tls.ssl)
    if is_address(host):
        return X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS)
    return X509_VERIFY_PARAM_set1_host(param, host, strlen(host)) == 1


cdef bint start_client(tls_t *tls, const char *host, bint verify_host) noexcept nogil:
    cdef bint named = host != NULL and host[0] != 0  # an empty name would switch the check off
    SSL_set_connect_state(tls.ssl)
    if verify_host and not (named and expect_host(tls, host)):
        return False
    return not named or is_address(host) or SSL_set_tlsext_host_name(tls.ssl, host) == 1  # SNI holds names only


cdef bint start(tls_t *tls, const char *host, bint verify_host) noexcept nogil:
    if not attach_bio(tls):
        return False
    SSL_set_app_data(tls.ssl, &tls.alpn)  # what select_alpn() of the context looks for
    if not tls.server:
        return start_client(tls, host, verify_host)
    SSL_set_accept_state(tls.ssl)
    return True


cdef tls_t *tls_new(const tls_context_t *context, int fd, const char *host, bint verify_host) noexcept nogil:
    cdef tls_t *tls = <tls_t *>calloc(1, sizeof(tls_t))
    if tls == NULL:
        return NULL
    tls.fd = fd
    tls.server = context.server
    tls.alpn = context.alpn
    tls.ssl = SSL_new(context.ctx)
    if tls.ssl == NULL or not start(tls, host, verify_host):
        tls_free(tls)
        return NULL
    return tls


cdef bint tls_offer(tls_t *tls, const char *protocol, size_t length) noexcept nogil:
    cdef uint8_t[256] wire
    if length == 0 or length > 255:
        return False
    wire[0] = <uint8_t>length
    memcpy(&wire[1], protocol, length)
    return SSL_set_alpn_protos(tls.ssl, wire, <unsigned>length + 1) == 0


cdef void tls_free(tls_t *tls) noexcept nogil:
    if tls == NULL:
        return
    SSL_free(tls.ssl)
    BIO_meth_free(tls.method)
    free(tls)


cdef int tls_handshake(tls_t *tls) noexcept nogil:
    cdef int result
    if tls.ready:
        return TLS_DONE
    if tls.failed:
        return TLS_FAILED
    begin_call(tls)
    result = SSL_do_handshake(tls.ssl)
    if result == 1:
        tls.want_write = False
        tls.ready = True
        return TLS_DONE
    if failure(tls, result) == TLS_AGAIN:
        return TLS_WANT_WRITE if tls.want_write else TLS_WANT_READ
    if not tls.failed:  # a close-notify
        fail(tls, b"closed during the handshake")
    return TLS_FAILED


cdef bint usable(tls_t *tls) noexcept nogil:
    if not tls.ready and not tls.failed:
        fail(tls, b"used before the handshake was done")
    return not tls.failed


cdef ssize_t tls_read(tls_t *tls, void *buffer, size_t size) noexcept nogil:
    cdef size_t done = 0
    cdef int result
    if not usable(tls):
        return TLS_ERROR
    begin_call(tls)
    result = SSL_read_ex(tls.ssl, buffer, size, &done)
    if result != 1:
        return failure(tls, result)
    tls.want_write = False
    return <ssize_t>done


cdef ssize_t tls_write(tls_t *tls, const void *data, size_t size) noexcept nogil:
    cdef size_t done = 0
    cdef ssize_t outcome
    cdef int result
    if not usable(tls):
        return TLS_ERROR
    if size == 0:
        return 0
    begin_call(tls)
    result = SSL_write_ex(tls.ssl, data, size, &done)
    if result != 1:
        outcome = failure(tls, result)
        return outcome if outcome else fail(tls, b"closed by the peer")
    tls.want_write = False
    return <ssize_t>done


cdef bint tls_pending(tls_t *tls) noexcept nogil:
    return SSL_pending(tls.ssl) > 0


cdef const char *tls_error(tls_t *tls) noexcept nogil:
    return tls.error


cdef const uint8_t *tls_alpn(tls_t *tls, unsigned *length) noexcept nogil:
    cdef const unsigned char *protocol = NULL
    length[0] = 0
    SSL_get0_alpn_selected(tls.ssl, &protocol, length)
    return protocol


cdef void tls_shutdown(tls_t *tls) noexcept nogil:
    if tls.failed or not tls.ready:
        return
    begin_call(tls)
    SSL_shutdown(tls.ssl)
    ERR_clear_error()


# ---- facts

cdef object subject_of(X509 *certificate):
    """The distinguished name as RFC 2253 writes it, most specific part first."""
    cdef BIO *out = BIO_new(BIO_s_mem())
    cdef bytes text
    if out == NULL:
        raise MemoryError
    try:
        X509_NAME_print_ex(out, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253)
        text = PyBytes_FromStringAndSize(NULL, BIO_ctrl_pending(out))
        BIO_read(out, <char *>text, <int>len(text))
        return text.decode("utf-8", "backslashreplace")
    finally:
        BIO_free(out)


cdef object der_of(X509 *certificate):
    cdef bytes der = PyBytes_FromStringAndSize(NULL, i2d_X509(certificate, NULL))
    cdef unsigned char *at = <unsigned char *><char *>der
    i2d_X509(certificate, &at)
    return der


cdef object peer_of(tls_t *tls):
    """(subject, DER) of the peer's certificate, (None, None) if it presented none."""
    cdef X509 *certificate = SSL_get1_peer_certificate(tls.ssl)
    if certificate == NULL:
        return None, None
    try:
        return subject_of(certificate), der_of(certificate)
    finally:
        X509_free(certificate)


cdef object tls_facts(tls_t *tls):
    cdef const SSL_CIPHER *cipher = SSL_get_current_cipher(tls.ssl)
    cdef unsigned length
    cdef const uint8_t *protocol = tls_alpn(tls, &length)
    subject, der = peer_of(tls)
    return (
        SSL_get_version(tls.ssl).decode(),
        SSL_CIPHER_get_name(cipher).decode(),
        SSL_CIPHER_get_bits(cipher, NULL),
        subject,
        der,
        PyBytes_FromStringAndSize(<const char *>protocol, length) if length else None,
    )


# ---- the Python face

DONE = TLS_DONE
WANT_READ = TLS_WANT_READ
WANT_WRITE = TLS_WANT_WRITE
FAILED = TLS_FAILED
AGAIN = TLS_AGAIN
ERROR = TLS_ERROR


cdef class TlsSession:
    """A session for tests and tools; the engine uses tls_t instead. The descriptor must outlive it."""

    cdef tls_t *tls

    def __init__(self, TlsContext context not None, int fd, host=None, bint verify_host=True):
        cdef bytes name = host.encode() if host is not None else None
        if self.tls != NULL:
            raise RuntimeError("a TlsSession is made once")
        self.tls = tls_new(context.context, fd, <char *>name if name is not None else NULL, verify_host)
        if self.tls == NULL:
            raise ValueError(f"no TLS session for host {host!r}: a client that verifies needs a legal name or address")

    def __dealloc__(self):
        tls_free(self.tls)

    def offer(self, const uint8_t[::1] protocol):
        return tls_offer(self.tls, <const char *>&protocol[0], protocol.shape[0])

    def handshake(self):
        return tls_handshake(self.tls)

    def read(self, size_t size):
        """Octets (b"" at the end), or AGAIN or ERROR."""
        cdef bytearray buffer = bytearray(size)
        cdef ssize_t done = tls_read(self.tls, <char *>buffer, size)
        return done if done < 0 else bytes(buffer[:done])

    def write(self, const uint8_t[::1] data):
        return tls_write(self.tls, &data[0], data.shape[0])

    def shutdown(self):
        tls_shutdown(self.tls)

    def facts(self):
        return tls_facts(self.tls)

    @property
    def pending(self):
        return tls_pending(self.tls)

    @property
    def error(self):
        return tls_error(self.tls).decode("utf-8", "backslashreplace")

    @property
    def want_write(self):
        return self.tls.want_write

    @property
    def truncated(self):
        return self.tls.truncated
