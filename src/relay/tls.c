/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No session cache and no tickets kept: connections are kept alive instead, and a resumed session
 * would skip the look at the certificate. OpenSSL allocates by itself, beside base/alloc.h.
 */
#include "relay/tls.h"

#include "base/alloc.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

struct tls {
    SSL *ssl;
    BIO *incoming; /* owned by ssl, as is outgoing */
    BIO *outgoing;
};

/* The first error of OpenSSL's queue in words; empties the queue, which is the thread's and
 * would be read by the next user. */
static int fail(struct err *err, const char *what)
{
    unsigned long code = ERR_get_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    ERR_clear_error();
    return err_set(err, -EPROTO, "%s: %s", what, reason ? reason : "no reason given");
}

/* Every certificate of the text; a text with none, or with a broken one behind good ones, is
 * refused. */
static int add_ca_pem(SSL_CTX *context, struct span pem, struct err *err)
{
    X509_STORE *store = SSL_CTX_get_cert_store(context);
    BIO *bio = pem.len <= INT32_MAX ? BIO_new_mem_buf(pem.ptr, (int)pem.len) : NULL;
    if (!bio)
        return err_set(err, -ENOMEM, "out of memory");
    int added = 0;
    X509 *certificate;
    while ((certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
        int ok = X509_STORE_add_cert(store, certificate);
        X509_free(certificate);
        if (!ok)
            break;
        added++;
    }
    BIO_free(bio);
    unsigned long code = ERR_peek_last_error();
    bool at_end = ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
    if (added == 0 || !at_end)
        return fail(err, added ? "a CA certificate behind the first is broken"
                               : "the CA file has no certificate");
    ERR_clear_error();
    return 0;
}

struct ssl_ctx_st *tls_context_new(struct span ca_pem, struct err *err)
{
    static const unsigned char alpn[] = "\x08http/1.1";

    ERR_clear_error();
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (!context) {
        (void)fail(err, "cannot set up TLS");
        return NULL;
    }
    (void)SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    (void)SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    int result = 0;
    if (!SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) ||
        SSL_CTX_set_alpn_protos(context, alpn, sizeof(alpn) - 1) != 0)
        result = fail(err, "cannot set up TLS");
    else if (!span_is_null(ca_pem))
        result = add_ca_pem(context, ca_pem, err);
    else if (!SSL_CTX_set_default_verify_paths(context))
        result = fail(err, "cannot read the system's certificates");
    ERR_clear_error();
    if (result < 0) {
        SSL_CTX_free(context);
        return NULL;
    }
    return context;
}

struct ssl_ctx_st *tls_context_ref(struct ssl_ctx_st *context)
{
    check(SSL_CTX_up_ref(context) == 1);
    return context;
}

void tls_context_free(struct ssl_ctx_st *context)
{
    SSL_CTX_free(context);
}

/* RFC 9525: the reference identity is what the operator wrote, never what the other side or DNS
 * says. */
static bool set_identity(SSL *ssl, const struct url *url)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    if (url->host_is_address)
        return X509_VERIFY_PARAM_set1_ip_asc(param, url->host) == 1;
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return X509_VERIFY_PARAM_set1_host(param, url->host, 0) == 1 &&
           SSL_set_tlsext_host_name(ssl, url->host) == 1;
}

struct tls *tls_new(struct ssl_ctx_st *context, const struct url *url)
{
    struct tls *tls = mem_zalloc(sizeof(*tls));
    if (!tls)
        return NULL;
    tls->ssl = SSL_new(context);
    tls->incoming = BIO_new(BIO_s_mem());
    tls->outgoing = BIO_new(BIO_s_mem());
    if (!tls->ssl || !tls->incoming || !tls->outgoing || !set_identity(tls->ssl, url)) {
        BIO_free(tls->incoming);
        BIO_free(tls->outgoing);
        SSL_free(tls->ssl);
        mem_free(tls);
        ERR_clear_error();
        return NULL;
    }
    /* An empty memory BIO means "later", not "end". */
    (void)BIO_set_mem_eof_return(tls->incoming, -1);
    SSL_set_bio(tls->ssl, tls->incoming, tls->outgoing);
    SSL_set_connect_state(tls->ssl);
    return tls;
}

void tls_free(struct tls *tls)
{
    if (!tls)
        return;
    SSL_free(tls->ssl);
    mem_free(tls);
}

int tls_feed(struct tls *tls, struct span bytes)
{
    while (bytes.len) {
        int piece = (int)MIN(bytes.len, (size_t)INT32_MAX);
        if (BIO_write(tls->incoming, bytes.ptr, piece) != piece) {
            ERR_clear_error();
            return -ENOMEM;
        }
        bytes = span_skip(bytes, (size_t)piece);
    }
    return 0;
}

static bool chose_http1(const SSL *ssl)
{
    const unsigned char *name;
    unsigned len;
    SSL_get0_alpn_selected(ssl, &name, &len);
    return len == 0 || span_eq(span_of(name, len), SPAN("http/1.1"));
}

int tls_handshake(struct tls *tls, struct err *err)
{
    ERR_clear_error();
    int result = SSL_do_handshake(tls->ssl);
    if (result == 1)
        return chose_http1(tls->ssl)
                   ? 1
                   : err_set(err, -EPROTO, "TLS: the server chose another protocol than http/1.1");
    if (SSL_get_error(tls->ssl, result) == SSL_ERROR_WANT_READ)
        return 0;
    long verdict = SSL_get_verify_result(tls->ssl);
    if (verdict != X509_V_OK) {
        ERR_clear_error();
        return err_set(err, -EPROTO, "TLS: the server's certificate is refused: %s",
                       X509_verify_cert_error_string(verdict));
    }
    return fail(err, "TLS: the handshake failed");
}

ssize_t tls_read(struct tls *tls, char *ret_bytes, size_t size, struct err *err)
{
    size_t len;
    ERR_clear_error();
    int result = SSL_read_ex(tls->ssl, ret_bytes, size, &len);
    if (result == 1)
        return (ssize_t)len;
    switch (SSL_get_error(tls->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return 0;
    case SSL_ERROR_ZERO_RETURN:
        return -ESHUTDOWN;
    default:
        return fail(err, "TLS: broken record");
    }
}

int tls_write(struct tls *tls, struct span bytes)
{
    size_t taken;
    if (bytes.len == 0)
        return 0;
    ERR_clear_error();
    if (SSL_write_ex(tls->ssl, bytes.ptr, bytes.len, &taken) == 1 && taken == bytes.len)
        return 0;
    ERR_clear_error();
    return -EPROTO;
}

struct span tls_outgoing(struct tls *tls)
{
    char *bytes;
    long len = BIO_get_mem_data(tls->outgoing, &bytes);
    return len > 0 ? span_of(bytes, (size_t)len) : SPAN_NULL;
}

void tls_sent(struct tls *tls)
{
    (void)BIO_reset(tls->outgoing);
}
