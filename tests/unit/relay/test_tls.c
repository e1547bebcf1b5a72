/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_ca.h"

#include "relay/tls.h"

/* Both ends, their bytes carried by hand. */
struct pair {
    struct tls *client;
    SSL *server;
    struct err err;
    int result; /* of the client's handshake */
};

static struct url url_of(const char *text)
{
    struct url url;
    assert_int_equal(url_parse(span_str(text), &url, NULL), 0);
    return url;
}

static void to_server(struct pair *pair)
{
    struct span out = tls_outgoing(pair->client);
    if (out.len)
        assert_int_equal(BIO_write(SSL_get_rbio(pair->server), out.ptr, (int)out.len),
                         (int)out.len);
    tls_sent(pair->client);
    assert_int_equal(tls_outgoing(pair->client).len, 0);
}

/* `step` bytes at a time. */
static void to_client(struct pair *pair, size_t step)
{
    char *bytes;
    long len = BIO_get_mem_data(SSL_get_wbio(pair->server), &bytes);
    struct span rest = span_of(bytes, (size_t)len);
    while (rest.len) {
        assert_int_equal(tls_feed(pair->client, span_take(rest, step)), 0);
        rest = span_skip(rest, step);
        if (pair->result == 0)
            pair->result = tls_handshake(pair->client, &pair->err);
    }
    (void)BIO_reset(SSL_get_wbio(pair->server));
}

static struct pair shake(struct ssl_ctx_st *client, SSL_CTX *server, const char *url_text,
                         size_t step)
{
    struct url url = url_of(url_text);
    struct pair pair = {.client = tls_new(client, &url), .server = SSL_new(server), .err = {""}};
    assert_non_null(pair.client);
    SSL_set_bio(pair.server, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_accept_state(pair.server);
    pair.result = tls_handshake(pair.client, &pair.err);
    for (int i = 0; i < 10; i++) {
        to_server(&pair);
        (void)SSL_do_handshake(pair.server);
        to_client(&pair, step);
    }
    ERR_clear_error();
    return pair;
}

static void pair_release(struct pair *pair)
{
    tls_free(pair->client);
    SSL_free(pair->server);
}

static void assert_refused(struct ssl_ctx_st *client, SSL_CTX *server, const char *url,
                           const char *because)
{
    struct pair pair = shake(client, server, url, SIZE_MAX);
    assert_int_equal(pair.result, -EPROTO);
    if (!strstr(pair.err.text, because))
        fail_msg("'%s' does not say '%s'", pair.err.text, because);
    pair_release(&pair);
}

static void speaks_with_a_server_it_trusts(void **state)
{
    (void)state;
    struct ca ca = ca_make("ca");
    struct ssl_ctx_st *client = tls_context_new(span_str(ca.pem), NULL);
    SSL_CTX *server = server_make(&ca, "DNS:model.example,IP:127.0.0.1,IP:::1", 3600);
    static const char *const urls[] = {"https://model.example", "https://Model.Example:1",
                                       "https://127.0.0.1", "https://[::1]"};
    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        struct pair pair = shake(client, server, urls[i], i == 0 ? 1 : SIZE_MAX);
        assert_string_equal(pair.err.text, "");
        assert_int_equal(pair.result, 1);
        const char *name = SSL_get_servername(pair.server, TLSEXT_NAMETYPE_host_name);
        if (i < 2)
            assert_string_equal(name, "model.example");
        else
            assert_null(name);

        char bytes[64];
        assert_int_equal(tls_write(pair.client, SPAN("")), 0);
        assert_int_equal(tls_write(pair.client, SPAN("ask")), 0);
        to_server(&pair);
        assert_int_equal(SSL_read(pair.server, bytes, sizeof(bytes)), 3);
        assert_int_equal(tls_read(pair.client, bytes, sizeof(bytes), NULL), 0);
        assert_int_equal(SSL_write(pair.server, "answer", 6), 6);
        to_client(&pair, 1);
        assert_int_equal(tls_read(pair.client, bytes, 4, NULL), 4);
        assert_int_equal(tls_read(pair.client, bytes + 4, 4, NULL), 2);
        assert_memory_equal(bytes, "answer", 6);
        assert_int_equal(tls_read(pair.client, bytes, 4, NULL), 0);
        (void)SSL_shutdown(pair.server);
        to_client(&pair, SIZE_MAX);
        assert_int_equal(tls_read(pair.client, bytes, 4, NULL), -ESHUTDOWN);
        pair_release(&pair);
    }
    SSL_CTX_free(server);
    tls_context_free(client);
    ca_release(&ca);
}

static void refuses_other_names_and_strangers(void **state)
{
    (void)state;
    struct ca ca = ca_make("ca");
    struct ca stranger = ca_make("ca"); /* the same name, another key */
    struct ssl_ctx_st *client = tls_context_new(span_str(ca.pem), NULL);
    SSL_CTX *server = server_make(&ca, "DNS:model.example,DNS:*.wild.example", 3600);
    assert_refused(client, server, "https://other.example", "certificate is refused");
    assert_refused(client, server, "https://model.example.evil", "certificate is refused");
    assert_refused(client, server, "https://127.0.0.1", "certificate is refused");
    assert_refused(client, server, "https://a.b.wild.example", "certificate is refused");
    SSL_CTX_free(server);

    server = server_make(&stranger, "DNS:model.example", 3600);
    assert_refused(client, server, "https://model.example", "certificate is refused");
    SSL_CTX_free(server);

    server = server_make(&ca, "DNS:model.example", -60);
    assert_refused(client, server, "https://model.example", "expired");
    SSL_CTX_free(server);

    server = server_make(&ca, "DNS:model.example", 3600);
    struct ssl_ctx_st *of_the_system = tls_context_new(SPAN_NULL, NULL);
    assert_refused(of_the_system, server, "https://model.example", "certificate is refused");
    tls_context_free(of_the_system);
    SSL_CTX_set_max_proto_version(server, TLS1_1_VERSION);
    assert_refused(client, server, "https://model.example", "TLS");
    SSL_CTX_free(server);
    tls_context_free(client);
    ca_release(&ca);
    ca_release(&stranger);
}

static int choose_h2(SSL *ssl, const unsigned char **ret_name, unsigned char *ret_len,
                     const unsigned char *offered, unsigned offered_len, void *arg)
{
    (void)ssl;
    (void)arg;
    assert_int_equal(offered_len, 9);
    assert_memory_equal(offered, "\x08http/1.1", 9);
    *ret_name = offered + 1;
    *ret_len = 8;
    return SSL_TLSEXT_ERR_OK;
}

static void offers_http1(void **state)
{
    (void)state;
    struct ca ca = ca_make("ca");
    struct ssl_ctx_st *client = tls_context_new(span_str(ca.pem), NULL);
    SSL_CTX *server = server_make(&ca, "DNS:h", 3600);
    SSL_CTX_set_alpn_select_cb(server, choose_h2, NULL);
    struct pair pair = shake(client, server, "https://h", SIZE_MAX);
    assert_int_equal(pair.result, 1);
    pair_release(&pair);
    SSL_CTX_free(server);
    tls_context_free(client);
    ca_release(&ca);
}

static void garbage_is_an_error(void **state)
{
    (void)state;
    struct ca ca = ca_make("ca");
    struct ssl_ctx_st *client = tls_context_new(span_str(ca.pem), NULL);
    struct url url = url_of("https://h");
    struct tls *tls = tls_new(client, &url);
    struct err err = {""};
    assert_int_equal(tls_handshake(tls, &err), 0);
    assert_int_equal(tls_feed(tls, SPAN("HTTP/1.1 400 Bad Request\r\n\r\n")), 0);
    assert_int_equal(tls_handshake(tls, &err), -EPROTO);
    assert_string_not_equal(err.text, "");
    tls_free(tls);

    SSL_CTX *server = server_make(&ca, "DNS:h", 3600);
    struct pair pair = shake(client, server, "https://h", SIZE_MAX);
    char bytes[16];
    assert_int_equal(
        tls_feed(pair.client, SPAN("\x17\x03\x03\x00\x20 a record that nobody encrypted.")), 0);
    assert_int_equal(tls_read(pair.client, bytes, sizeof(bytes), &err), -EPROTO);
    pair_release(&pair);
    SSL_CTX_free(server);
    tls_context_free(client);
    ca_release(&ca);
}

static void assert_ca_refused(struct span pem)
{
    struct err err = {""};
    assert_null(tls_context_new(pem, &err));
    assert_non_null(strstr(err.text, "CA"));
}

static void reads_all_certificates_of_a_file(void **state)
{
    (void)state;
    struct ca a = ca_make("a");
    struct ca b = ca_make("b");
    char both[2 * sizeof(a.pem) + 16];
    (void)snprintf(both, sizeof(both), "# ours\n%s\n%s", a.pem, b.pem);
    struct ssl_ctx_st *client = tls_context_new(span_str(both), NULL);
    assert_non_null(client);
    SSL_CTX *server = server_make(&b, "DNS:h", 3600);
    struct pair pair = shake(client, server, "https://h", SIZE_MAX);
    assert_int_equal(pair.result, 1);
    pair_release(&pair);
    SSL_CTX_free(server);
    tls_context_free(tls_context_ref(client));
    tls_context_free(client);

    assert_ca_refused(SPAN(""));
    assert_ca_refused(SPAN("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
    (void)snprintf(both, sizeof(both), "%s-----BEGIN CERTIFICATE-----\nAAAA\n", a.pem);
    assert_ca_refused(span_str(both));
    ca_release(&a);
    ca_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(speaks_with_a_server_it_trusts),
        cmocka_unit_test(refuses_other_names_and_strangers),
        cmocka_unit_test(offers_http1),
        cmocka_unit_test(garbage_is_an_error),
        cmocka_unit_test(reads_all_certificates_of_a_file),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
