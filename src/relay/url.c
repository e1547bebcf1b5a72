/* SPDX-License-Identifier: Apache-2.0 */
/* Small and strict: a URL that is in doubt is refused when the configuration is read, not when a
 * call fails. */
#include "relay/url.h"

#include "base/text.h"

#include <arpa/inet.h>

#define PORT_HTTP 80
#define PORT_HTTPS 443

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_name(struct span host)
{
    for (size_t i = 0; i < host.len; i++) {
        char c = host.ptr[i];
        if (!is_alnum(c) && c != '.' && c != '-' && c != '_')
            return false;
    }
    return host.len > 0 && host.ptr[0] != '.' && host.ptr[0] != '-';
}

/* RFC 3986 section 3.3, without the percent sign: what a server takes from an escape is not ours
 * to guess. */
static bool is_path(struct span path)
{
    for (size_t i = 0; i < path.len; i++) {
        char c = path.ptr[i];
        if (!is_alnum(c) && (c == '\0' || !strchr("/-._~!$&'()*+,;=:@", c)))
            return false;
    }
    return true;
}

static bool take_scheme(struct span *rest, bool *ret_tls)
{
    ptrdiff_t end = span_find(*rest, SPAN("://"));
    if (end < 0)
        return false;
    struct span scheme = span_take(*rest, (size_t)end);
    if (span_eq_nocase(scheme, SPAN("https")))
        *ret_tls = true;
    else if (span_eq_nocase(scheme, SPAN("http")))
        *ret_tls = false;
    else
        return false;
    *rest = span_skip(*rest, (size_t)end + 3);
    return true;
}

/* Takes host and port out of the part between "//" and the path. */
static bool split_authority(struct span authority, struct span *ret_host, struct span *ret_port,
                            bool *ret_brackets)
{
    ptrdiff_t colon;
    *ret_brackets = span_starts(authority, SPAN("["));
    if (*ret_brackets) {
        ptrdiff_t close = span_find_byte(authority, ']');
        if (close < 0)
            return false;
        *ret_host = span_of(authority.ptr + 1, (size_t)close - 1);
        authority = span_skip(authority, (size_t)close + 1);
        if (authority.len && authority.ptr[0] != ':')
            return false;
        colon = authority.len ? 0 : -1;
    } else {
        colon = span_find_byte(authority, ':');
        *ret_host = colon < 0 ? authority : span_take(authority, (size_t)colon);
    }
    *ret_port = colon < 0 ? SPAN_NULL : span_skip(authority, (size_t)colon + 1);
    return true;
}

static bool set_host(struct url *url, struct span host, bool brackets)
{
    if (host.len == 0 || host.len > URL_HOST_MAX)
        return false;
    for (size_t i = 0; i < host.len; i++) {
        char c = host.ptr[i];
        url->host[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    url->host[host.len] = '\0';

    struct in6_addr address;
    if (brackets) {
        url->host_is_address = true;
        return inet_pton(AF_INET6, url->host, &address) == 1;
    }
    url->host_is_address = inet_pton(AF_INET, url->host, &address) == 1;
    return is_name(host);
}

static bool set_port(struct url *url, struct span port)
{
    uint64_t number = url->tls ? PORT_HTTPS : PORT_HTTP;
    if (!span_is_null(port) &&
        (text_to_u64(port, &number) < 0 || number < 1 || number > UINT16_MAX))
        return false;
    url->port = (uint16_t)number;
    (void)snprintf(url->port_text, sizeof(url->port_text), "%u", (unsigned)url->port);
    return true;
}

static bool set_prefix(struct url *url, struct span path)
{
    while (span_ends(path, SPAN("/")))
        path.len--;
    if (span_ends(path, SPAN("/v1")))
        path.len -= 3;
    while (span_ends(path, SPAN("/")))
        path.len--;
    if (path.len > URL_PREFIX_MAX || !is_path(path))
        return false;
    if (path.len)
        memcpy(url->prefix, path.ptr, path.len);
    url->prefix[path.len] = '\0';
    return true;
}

static void set_authority(struct url *url, bool brackets)
{
    bool usual_port = url->port == (url->tls ? PORT_HTTPS : PORT_HTTP);
    (void)snprintf(url->authority, sizeof(url->authority), "%s%s%s%s%s", brackets ? "[" : "",
                   url->host, brackets ? "]" : "", usual_port ? "" : ":",
                   usual_port ? "" : url->port_text);
}

int url_parse(struct span text, struct url *ret_url, struct err *err)
{
    struct span rest = text;
    struct span host, port;
    bool brackets;
    int shown = (int)MIN(text.len, (size_t)200);
    *ret_url = (struct url){0};

    if (!take_scheme(&rest, &ret_url->tls))
        return err_set(err, -EINVAL, "'%.*s' does not start with http:// or https://", shown,
                       text.ptr ? text.ptr : "");
    ptrdiff_t slash = span_find_byte(rest, '/');
    struct span authority = slash < 0 ? rest : span_take(rest, (size_t)slash);
    struct span path = slash < 0 ? SPAN_NULL : span_skip(rest, (size_t)slash);
    if (span_find_byte(authority, '@') >= 0)
        return err_set(err, -EINVAL,
                       "a user name in a URL is not supported: use the setting for an API key");
    if (!split_authority(authority, &host, &port, &brackets) || !set_host(ret_url, host, brackets))
        return err_set(err, -EINVAL, "'%.*s' has no valid host", shown, text.ptr);
    if (!set_port(ret_url, port))
        return err_set(err, -EINVAL, "'%.*s' has no valid port", shown, text.ptr);
    if (!set_prefix(ret_url, path))
        return err_set(err, -EINVAL,
                       "'%.*s' has no plain path: letters, digits and -._~ only, no query", shown,
                       text.ptr);
    set_authority(ret_url, brackets);
    return 0;
}
