"""TLS contexts, made from an sslProfile's files.

Trust is the configured CA file and nothing else: the store is built here, so neither the system's certificates nor those named
by SSL_CERT_FILE or SSL_CERT_DIR are ever looked at. Which profile and role a connection has is not decided here.
"""

from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, strerror, strlen

from skrouter.amqp.engine.openssl_api cimport *


cdef const char *openssl_reason(unsigned long error) noexcept nogil:
    cdef const char *reason
    if ERR_GET_LIB(error) == ERR_LIB_SYS:
        return strerror(ERR_GET_REASON(error))
    reason = ERR_reason_error_string(error)
    if reason == NULL:
        return b"unknown error"
    return reason


cdef int select_alpn(SSL *ssl, const unsigned char **out, unsigned char *length, const unsigned char *offered,
                     unsigned offered_length, void *unused) noexcept nogil:
    """Our first protocol that the client offers; a client that knows none of them is served without."""
    cdef alpn_t *ours = <alpn_t *>SSL_get_app_data(ssl)
    cdef int result = SSL_select_next_proto(<unsigned char **>out, length, ours.list, ours.length, offered, offered_length)
    return SSL_TLSEXT_ERR_OK if result == OPENSSL_NPN_NEGOTIATED else SSL_TLSEXT_ERR_NOACK


class TlsConfigurationError(ValueError):
    """A TLS context cannot be made: names the attribute, its value and OpenSSL's reason."""


cdef object reason():
    """OpenSSL's first reason since the last clearing."""
    cdef unsigned long error = ERR_peek_error()
    return openssl_reason(error).decode() if error else "no certificate in it"


cdef void require(bint done, str attribute, path) except *:
    if not done:
        raise TlsConfigurationError(f"Failed to configure TLS {attribute} '{path}': {reason()}")


cdef int give_password(char *buffer, int size, int writing, void *password) noexcept nogil:
    """OpenSSL's callback; without a password it must fail, or OpenSSL would ask on the terminal."""
    cdef size_t length = strlen(<const char *>password) if password != NULL else 0
    if length == 0 or length > <size_t>size:
        return -1
    memcpy(buffer, password, length)
    return <int>length


cdef void trust(SSL_CTX *ctx, path, bint server) except *:
    """Make the CA file the whole trust; a server also tells its clients these names."""
    cdef bytes name = path.encode()
    cdef X509_STORE *store = X509_STORE_new()
    ERR_clear_error()
    if store == NULL:
        raise MemoryError
    SSL_CTX_set_cert_store(ctx, store)  # takes the reference; drops a store that openssl.cnf may have filled
    require(X509_STORE_load_file(store, name) == 1, "caCertFile", path)
    if server:
        require(skr_set_client_ca_file(ctx, name) == 1, "caCertFile", path)


cdef void use_key(SSL_CTX *ctx, path, password) except *:
    cdef bytes name = path.encode()
    cdef bytes secret = password.encode() if password is not None else None
    cdef EVP_PKEY *key = NULL
    cdef BIO *file
    ERR_clear_error()
    file = BIO_new_file(name, b"r")
    require(file != NULL, "privateKeyFile", path)
    key = PEM_read_bio_PrivateKey(file, NULL, give_password, <char *>secret if secret is not None else NULL)
    BIO_free(file)
    try:
        require(key != NULL, "privateKeyFile", path)
        require(SSL_CTX_use_PrivateKey(ctx, key) == 1, "privateKeyFile", path)
        require(SSL_CTX_check_private_key(ctx) == 1, "privateKeyFile", path)
    finally:
        EVP_PKEY_free(key)


cdef void use_certificate(SSL_CTX *ctx, path) except *:
    ERR_clear_error()
    SSL_CTX_set_default_passwd_cb(ctx, give_password)
    require(SSL_CTX_use_certificate_chain_file(ctx, path.encode()) == 1, "certFile", path)


cdef void limit_protocols(SSL_CTX *ctx, protocols) except *:
    """TLS 1.2 and 1.3, or those of them in the list; older names are legal in a configuration but never spoken."""
    names = protocols.split() if protocols is not None else ["TLSv1.2", "TLSv1.3"]
    if not set(names) <= {"TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"} or not set(names) & {"TLSv1.2", "TLSv1.3"}:
        raise TlsConfigurationError(
            f"Failed to configure TLS protocols '{protocols}': must name TLSv1.2, TLSv1.3 or both, separated by spaces"
        )
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION if "TLSv1.2" in names else TLS1_3_VERSION)
    SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION if "TLSv1.3" in names else TLS1_2_VERSION)


cdef void limit_ciphers(SSL_CTX *ctx, ciphers) except *:
    """Names that begin with TLS_ are suites of TLS 1.3, the rest a cipher string of TLS 1.2; either may keep its defaults."""
    names = [name for name in ciphers.split(":") if name]
    suites = ":".join(name for name in names if name.startswith("TLS_"))
    older = ":".join(name for name in names if not name.startswith("TLS_"))
    ERR_clear_error()
    if not names:
        raise TlsConfigurationError(f"Failed to configure TLS ciphers '{ciphers}': names no cipher")
    if suites:
        require(SSL_CTX_set_ciphersuites(ctx, suites.encode()) == 1, "ciphers", ciphers)
    if older:
        require(SSL_CTX_set_cipher_list(ctx, older.encode()) == 1, "ciphers", ciphers)


cdef void set_habits(SSL_CTX *ctx, bint server) noexcept:
    """What does not depend on a profile."""
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE)
    SSL_CTX_clear_options(ctx, SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF)
    # A write may be retried from another address; an idle connection keeps no buffers.
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER)
    # A resumed session would skip verification, and so keep a certificate alive that a renewed CA no longer signs.
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF)
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET)
    if server:
        SSL_CTX_set_num_tickets(ctx, 0)


cdef int verification(bint server, bint request, bint require_certificate) noexcept:
    if not server:
        return SSL_VERIFY_PEER
    if require_certificate:
        return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
    return SSL_VERIFY_PEER if request else SSL_VERIFY_NONE


cdef bytes alpn_wire(alpn):
    """The list as TLS carries it: each name behind its length."""
    wire = b"".join(bytes((len(name),)) + name for name in alpn if 0 < len(name) < 256)
    if len(wire) != sum(len(name) + 1 for name in alpn) or len(wire) > ALPN_LIST:
        raise TlsConfigurationError(f"ALPN names {alpn} must have 1 to 255 octets, and at most {ALPN_LIST} together")
    return wire


cdef void announce(tls_context_t *context, alpn) except *:
    cdef bytes wire = alpn_wire(alpn)
    context.alpn.length = <unsigned>len(wire)
    memcpy(context.alpn.list, <char *>wire, len(wire))
    if context.server:
        SSL_CTX_set_alpn_select_cb(context.ctx, select_alpn, NULL)
    elif SSL_CTX_set_alpn_protos(context.ctx, context.alpn.list, context.alpn.length) != 0:
        raise MemoryError


cdef void check_files(bint server, bint verifying, ca_file, cert_file, key_file) except *:
    """What must be configured together, before any file is read."""
    if verifying and not ca_file:
        raise TlsConfigurationError(
            "caCertFile is not configured: without it no peer certificate can be verified; set it in the sslProfile"
        )
    if server and not cert_file:
        raise TlsConfigurationError(
            "certFile is not configured: a listener cannot offer TLS without it; set it in the sslProfile"
        )
    if key_file and not cert_file:
        raise TlsConfigurationError(f"privateKeyFile '{key_file}' is configured without a certFile; set it in the sslProfile")


cdef class TlsContext:
    def __cinit__(self):
        self.context = <tls_context_t *>calloc(1, sizeof(tls_context_t))
        if self.context == NULL:
            raise MemoryError

    def __dealloc__(self):
        if self.context != NULL:
            SSL_CTX_free(self.context.ctx)
        free(self.context)

    def __init__(self, ca_file=None, cert_file=None, key_file=None, password=None, ciphers=None, protocols=None, *,
                 bint server, bint require_peer_certificate=False, bint request_peer_certificate=False, alpn=None):
        cdef int verify = verification(server, request_peer_certificate, require_peer_certificate)
        check_files(server, verify != SSL_VERIFY_NONE, ca_file, cert_file, key_file)
        if self.context.ctx != NULL:
            raise RuntimeError("a TlsContext is made once")
        self.context.server = server
        self.context.ctx = SSL_CTX_new(TLS_server_method() if server else TLS_client_method())
        if self.context.ctx == NULL:
            raise MemoryError
        set_habits(self.context.ctx, server)
        limit_protocols(self.context.ctx, protocols)
        if ciphers is not None:
            limit_ciphers(self.context.ctx, ciphers)
        if cert_file:
            use_certificate(self.context.ctx, cert_file)
            use_key(self.context.ctx, key_file or cert_file, password)
        if ca_file:
            trust(self.context.ctx, ca_file, server)
        SSL_CTX_set_verify(self.context.ctx, verify, NULL)
        if alpn:
            announce(self.context, alpn)
