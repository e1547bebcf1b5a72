/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the room: the client side of TLS to a model's server, as a codec. Bytes in, bytes out; no
 * sockets (OpenSSL's memory BIOs).
 *
 * TLS 1.2 or newer; the certificate must be signed by the backend's own CA, or by one of the
 * system's, and be for the host of the URL (a name, or an address). SNI for names. ALPN offers
 * http/1.1 and accepts no other choice. A context belongs to its pool and is shared by all threads;
 * a struct tls belongs to one connection.
 */
#pragma once

#include "base/err.h"
#include "base/span.h"
#include "relay/url.h"

#include <sys/types.h>

struct ssl_ctx_st;
struct tls;

/* `ca_pem`: one or more certificates; null: the system's. NULL with *err. */
struct ssl_ctx_st *tls_context_new(struct span ca_pem, struct err *err) must_check;
struct ssl_ctx_st *tls_context_ref(struct ssl_ctx_st *context);
/* Gives one reference back. */
void tls_context_free(struct ssl_ctx_st *context);

struct tls *tls_new(struct ssl_ctx_st *context, const struct url *url) must_check;
void tls_free(struct tls *tls);

/* Ciphertext that came: 0 or -ENOMEM. */
int tls_feed(struct tls *tls, struct span bytes) must_check;
/* 1 done, 0 needs bytes from the other side, -EPROTO with *err. There may be something to send
 * after each of these. */
int tls_handshake(struct tls *tls, struct err *err) must_check;
/* Plaintext: > 0 bytes, 0 none before more is fed, -ESHUTDOWN the other side said goodbye,
 * -EPROTO with *err. */
ssize_t tls_read(struct tls *tls, char *ret_bytes, size_t size, struct err *err) must_check;
/* Encrypts all of it into what is to be sent: 0 or -EPROTO. */
int tls_write(struct tls *tls, struct span bytes) must_check;

/* What is to be sent; stale after any other call. tls_sent() drops it. */
struct span tls_outgoing(struct tls *tls);
void tls_sent(struct tls *tls);
