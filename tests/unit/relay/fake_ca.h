/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate authority of the test's own, and servers' certificates from it. */
#pragma once

#include "fake_engine.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

struct ca {
    EVP_PKEY *key;
    X509 *certificate;
    char pem[4096];
};

static inline void x509_add(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static inline X509 *x509_make(EVP_PKEY *key, const char *name, int valid_from_s, int valid_to_s)
{
    static long serial = 1;
    X509 *certificate = X509_new();
    assert_non_null(certificate);
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
    X509_gmtime_adj(X509_getm_notBefore(certificate), valid_from_s);
    X509_gmtime_adj(X509_getm_notAfter(certificate), valid_to_s);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               (const unsigned char *)name, -1, -1, 0);
    X509_set_pubkey(certificate, key);
    return certificate;
}

static inline struct ca ca_make(const char *name)
{
    struct ca ca = {.key = EVP_EC_gen("P-256")};
    assert_non_null(ca.key);
    ca.certificate = x509_make(ca.key, name, -3600, 3600);
    X509_set_issuer_name(ca.certificate, X509_get_subject_name(ca.certificate));
    x509_add(ca.certificate, ca.certificate, NID_basic_constraints, "critical,CA:TRUE");
    x509_add(ca.certificate, ca.certificate, NID_key_usage, "critical,keyCertSign");
    assert_true(X509_sign(ca.certificate, ca.key, EVP_sha256()) > 0);

    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_X509(bio, ca.certificate), 1);
    int len = BIO_read(bio, ca.pem, sizeof(ca.pem) - 1);
    assert_true(len > 0);
    ca.pem[len] = '\0';
    BIO_free(bio);
    return ca;
}

static inline void ca_release(struct ca *ca)
{
    X509_free(ca->certificate);
    EVP_PKEY_free(ca->key);
}

/* A server's side with a certificate for `names` ("DNS:a.example,IP:127.0.0.1"). `valid_to_s` <
 * 0: it has run out. */
static inline SSL_CTX *server_make(const struct ca *ca, const char *names, int valid_to_s)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = x509_make(key, "server", -7200, valid_to_s);
    X509_set_issuer_name(certificate, X509_get_subject_name(ca->certificate));
    x509_add(certificate, ca->certificate, NID_subject_alt_name, names);
    assert_true(X509_sign(certificate, ca->key, EVP_sha256()) > 0);

    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    assert_non_null(context);
    assert_int_equal(SSL_CTX_use_certificate(context, certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(context, key), 1);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return context;
}
