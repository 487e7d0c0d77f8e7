"""The part of OpenSSL 3's API that tls.pyx uses: opaque types, functions and constants. Ownership is told in tls.pxd."""

from libc.stdint cimport uint64_t

cdef extern from "openssl/types.h" nogil:
    ctypedef struct SSL
    ctypedef struct SSL_CTX
    ctypedef struct SSL_METHOD
    ctypedef struct SSL_CIPHER
    ctypedef struct BIO
    ctypedef struct BIO_METHOD
    ctypedef struct EVP_PKEY
    ctypedef struct X509
    ctypedef struct X509_NAME
    ctypedef struct X509_STORE
    ctypedef struct X509_VERIFY_PARAM

cdef extern from "openssl/err.h" nogil:
    int ERR_LIB_SYS
    void ERR_clear_error()
    unsigned long ERR_peek_error()
    const char *ERR_reason_error_string(unsigned long error)
    int ERR_GET_REASON(unsigned long error)
    int ERR_GET_LIB(unsigned long error)

cdef extern from "openssl/bio.h" nogil:
    int BIO_TYPE_SOURCE_SINK
    int BIO_CTRL_FLUSH
    int BIO_CTRL_EOF
    int BIO_CTRL_PENDING
    BIO *BIO_new(const BIO_METHOD *method)
    BIO *BIO_new_file(const char *path, const char *mode)
    const BIO_METHOD *BIO_s_mem()
    int BIO_free(BIO *bio)
    int BIO_read(BIO *bio, void *buffer, int size)
    int BIO_ctrl_pending(BIO *bio)
    void *BIO_get_data(BIO *bio)
    void BIO_set_data(BIO *bio, void *data)
    void BIO_set_init(BIO *bio, int init)
    void BIO_clear_retry_flags(BIO *bio)
    void BIO_set_retry_read(BIO *bio)
    void BIO_set_retry_write(BIO *bio)
    BIO_METHOD *BIO_meth_new(int type, const char *name)
    void BIO_meth_free(BIO_METHOD *method)
    int BIO_meth_set_read(BIO_METHOD *method, int (*read)(BIO *, char *, int) noexcept nogil)
    int BIO_meth_set_write(BIO_METHOD *method, int (*write)(BIO *, const char *, int) noexcept nogil)
    int BIO_meth_set_ctrl(BIO_METHOD *method, long (*ctrl)(BIO *, int, long, void *) noexcept nogil)

cdef extern from "openssl/pem.h" nogil:
    EVP_PKEY *PEM_read_bio_PrivateKey(BIO *bio, EVP_PKEY **key, int (*password)(char *, int, int, void *) noexcept nogil,
                                      void *data)
    void EVP_PKEY_free(EVP_PKEY *key)

cdef extern from "openssl/x509_vfy.h" nogil:
    long X509_V_OK
    const char *X509_verify_cert_error_string(long result)
    X509_STORE *X509_STORE_new()
    void X509_STORE_free(X509_STORE *store)
    int X509_STORE_load_file(X509_STORE *store, const char *path)
    int X509_VERIFY_PARAM_set1_host(X509_VERIFY_PARAM *param, const char *name, size_t length)
    void X509_VERIFY_PARAM_set_hostflags(X509_VERIFY_PARAM *param, unsigned flags)
    int X509_VERIFY_PARAM_set1_ip_asc(X509_VERIFY_PARAM *param, const char *address)

cdef extern from "openssl/x509v3.h" nogil:
    unsigned X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS

cdef extern from "openssl/x509.h" nogil:
    unsigned long XN_FLAG_RFC2253
    void X509_free(X509 *certificate)
    X509_NAME *X509_get_subject_name(const X509 *certificate)
    int X509_NAME_print_ex(BIO *out, const X509_NAME *name, int indent, unsigned long flags)
    int i2d_X509(const X509 *certificate, unsigned char **out)

cdef extern from *:
    """
    #include <openssl/ssl.h>
    #include <openssl/x509.h>
    /* STACK_OF(X509_NAME) has no name that Cython can say. */
    static int skr_set_client_ca_file(SSL_CTX *ctx, const char *path) {
        STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(path);
        if (names == NULL) return 0;
        SSL_CTX_set_client_CA_list(ctx, names);
        return 1;
    }
    """
    int skr_set_client_ca_file(SSL_CTX *ctx, const char *path) nogil

cdef extern from "openssl/ssl.h" nogil:
    uint64_t SSL_OP_NO_COMPRESSION, SSL_OP_NO_RENEGOTIATION, SSL_OP_NO_TICKET, SSL_OP_CIPHER_SERVER_PREFERENCE
    uint64_t SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION, SSL_OP_IGNORE_UNEXPECTED_EOF
    long SSL_MODE_RELEASE_BUFFERS, SSL_MODE_ENABLE_PARTIAL_WRITE, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
    long SSL_SESS_CACHE_OFF
    int SSL_VERIFY_NONE, SSL_VERIFY_PEER, SSL_VERIFY_FAIL_IF_NO_PEER_CERT, SSL_VERIFY_CLIENT_ONCE
    int SSL_ERROR_SSL, SSL_ERROR_SYSCALL, SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE, SSL_ERROR_ZERO_RETURN
    int SSL_R_CERTIFICATE_VERIFY_FAILED, SSL_R_UNEXPECTED_EOF_WHILE_READING
    int SSL_TLSEXT_ERR_OK, SSL_TLSEXT_ERR_NOACK
    int OPENSSL_NPN_NEGOTIATED
    int TLS1_2_VERSION, TLS1_3_VERSION

    const SSL_METHOD *TLS_server_method()
    const SSL_METHOD *TLS_client_method()
    SSL_CTX *SSL_CTX_new(const SSL_METHOD *method)
    void SSL_CTX_free(SSL_CTX *ctx)
    uint64_t SSL_CTX_set_options(SSL_CTX *ctx, uint64_t options)
    uint64_t SSL_CTX_clear_options(SSL_CTX *ctx, uint64_t options)
    long SSL_CTX_set_mode(SSL_CTX *ctx, long mode)
    long SSL_CTX_set_session_cache_mode(SSL_CTX *ctx, long mode)
    int SSL_CTX_set_num_tickets(SSL_CTX *ctx, size_t count)
    int SSL_CTX_set_min_proto_version(SSL_CTX *ctx, int version)
    int SSL_CTX_set_max_proto_version(SSL_CTX *ctx, int version)
    int SSL_CTX_set_cipher_list(SSL_CTX *ctx, const char *ciphers)
    int SSL_CTX_set_ciphersuites(SSL_CTX *ctx, const char *suites)
    void SSL_CTX_set_verify(SSL_CTX *ctx, int mode, void *callback)
    void SSL_CTX_set_cert_store(SSL_CTX *ctx, X509_STORE *store)
    int SSL_CTX_use_certificate_chain_file(SSL_CTX *ctx, const char *path)
    int SSL_CTX_use_PrivateKey(SSL_CTX *ctx, EVP_PKEY *key)
    int SSL_CTX_check_private_key(const SSL_CTX *ctx)
    void SSL_CTX_set_default_passwd_cb(SSL_CTX *ctx, int (*password)(char *, int, int, void *) noexcept nogil)
    int SSL_CTX_set_alpn_protos(SSL_CTX *ctx, const unsigned char *protocols, unsigned length)
    void SSL_CTX_set_alpn_select_cb(
        SSL_CTX *ctx,
        int (*select)(SSL *, const unsigned char **, unsigned char *, const unsigned char *, unsigned, void *) noexcept nogil,
        void *data)

    SSL *SSL_new(SSL_CTX *ctx)
    void SSL_free(SSL *ssl)
    void SSL_set_bio(SSL *ssl, BIO *read, BIO *write)
    void SSL_set_accept_state(SSL *ssl)
    void SSL_set_connect_state(SSL *ssl)
    int SSL_set_app_data(SSL *ssl, void *data)
    void *SSL_get_app_data(const SSL *ssl)
    long SSL_set_tlsext_host_name(SSL *ssl, const char *name)
    X509_VERIFY_PARAM *SSL_get0_param(SSL *ssl)
    int SSL_set_alpn_protos(SSL *ssl, const unsigned char *protocols, unsigned length)
    void SSL_get0_alpn_selected(const SSL *ssl, const unsigned char **protocol, unsigned *length)
    int SSL_select_next_proto(unsigned char **out, unsigned char *length, const unsigned char *server, unsigned server_length,
                              const unsigned char *client, unsigned client_length)
    int SSL_do_handshake(SSL *ssl)
    int SSL_read_ex(SSL *ssl, void *buffer, size_t size, size_t *done)
    int SSL_write_ex(SSL *ssl, const void *data, size_t size, size_t *done)
    int SSL_pending(const SSL *ssl)
    int SSL_shutdown(SSL *ssl)
    int SSL_get_error(const SSL *ssl, int result)
    long SSL_get_verify_result(const SSL *ssl)
    const char *SSL_get_version(const SSL *ssl)
    const SSL_CIPHER *SSL_get_current_cipher(const SSL *ssl)
    const char *SSL_CIPHER_get_name(const SSL_CIPHER *cipher)
    int SSL_CIPHER_get_bits(const SSL_CIPHER *cipher, int *algorithm_bits)
    X509 *SSL_get1_peer_certificate(const SSL *ssl)
