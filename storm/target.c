/* SPDX-License-Identifier: Apache-2.0 */
#include "storm/target.h"

#include "base/text.h"
#include "config/form.h"

#include <arpa/inet.h>

#define PORT_OTHERWISE 80

/* The address of a host that is this machine. */
static bool loopback_address(struct span host, uint16_t port, struct target *target)
{
    char text[INET6_ADDRSTRLEN];
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    if (span_eq_nocase(host, SPAN("localhost")))
        host = SPAN("127.0.0.1");
    if (host.len >= sizeof(text))
        return false;
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
        memcpy(&target->address, &v4, sizeof(v4));
        target->address_len = sizeof(v4);
        return ntohl(v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    }
    if (inet_pton(AF_INET6, text, &v6.sin6_addr) != 1)
        return false;
    memcpy(&target->address, &v6, sizeof(v6));
    target->address_len = sizeof(v6);
    return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
}

int target_read(const char *url, struct target *ret_target, struct err *err)
{
    struct form_url parts;
    struct target target = {.address_len = 0};
    uint64_t port = PORT_OTHERWISE;
    const char *wrong =
        strlen(url) < TARGET_TEXT_BYTES ? form_url(span_str(url), &parts) : "it is too long";
    if (wrong)
        return err_set(err, -EINVAL, "--url: %s", wrong);
    if (parts.tls)
        return err_set(err, -EINVAL, "--url: a storm speaks plain http");
    if (parts.port.len > 0 && text_to_u64(parts.port, &port) < 0)
        return err_set(err, -EINVAL, "--url: its port is no number");
    if (!loopback_address(parts.host, (uint16_t)port, &target))
        return err_set(err, -EINVAL,
                       "--url: '%.*s' is not this machine; a storm goes to 127.0.0.0/8, [::1] or "
                       "localhost only",
                       (int)parts.host.len, parts.host.ptr);
    bool v6 = target.address.ss_family == AF_INET6;
    (void)snprintf(target.host, sizeof(target.host), "%s%.*s%s:%llu", v6 ? "[" : "",
                   (int)parts.host.len, parts.host.ptr, v6 ? "]" : "", (unsigned long long)port);
    (void)snprintf(target.prefix, sizeof(target.prefix), "%.*s", (int)parts.prefix.len,
                   parts.prefix.len ? parts.prefix.ptr : "");
    *ret_target = target;
    return 0;
}

bool target_has_sources(const struct target *target)
{
    return target->address.ss_family == AF_INET;
}
