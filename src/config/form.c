/* SPDX-License-Identifier: Apache-2.0 */
#include "config/form.h"

#include "base/text.h"

#include <arpa/inet.h>

#define NAME_BYTES_MAX 64
#define MODEL_BYTES_MAX 255
#define USER_BYTES_MAX 32
#define UNIX_PATH_BYTES_MAX 107 /* sun_path with its zero */

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_letter(char c)
{
    return is_lower(c) || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Letters, digits and the bytes of `others`. */
static bool only(struct span text, const char *others)
{
    for (size_t i = 0; i < text.len; i++)
        if (!is_letter(text.ptr[i]) && !is_digit(text.ptr[i]) &&
            (text.ptr[i] == '\0' || !strchr(others, text.ptr[i])))
            return false;
    return true;
}

static bool port_ok(struct span text, uint64_t min)
{
    uint64_t port;
    return text.len <= 5 && text_to_u64(text, &port) == 0 && port >= min && port <= 65535;
}

static bool is_ip(int family, struct span text, void *ret_address)
{
    char terminated[INET6_ADDRSTRLEN];
    if (text.len == 0 || text.len >= sizeof(terminated) || memchr(text.ptr, '\0', text.len))
        return false;
    memcpy(terminated, text.ptr, text.len);
    terminated[text.len] = '\0';
    return inet_pton(family, terminated, ret_address) == 1;
}

static bool is_ipv4(struct span text)
{
    struct in_addr address;
    return is_ip(AF_INET, text, &address);
}

static bool is_ipv6(struct span text)
{
    struct in6_addr address;
    return is_ip(AF_INET6, text, &address);
}

/* Takes "host", "[v6]" and ":port" apart. */
static const char *split_authority(struct span authority, struct span *ret_host,
                                   struct span *ret_port)
{
    struct span host = authority;
    struct span rest = SPAN_NULL;
    if (span_starts(authority, SPAN("["))) {
        ptrdiff_t end = span_find_byte(authority, ']');
        if (end < 0)
            return "its address lacks a ']'";
        host = span_of(authority.ptr + 1, (size_t)end - 1);
        rest = span_skip(authority, (size_t)end + 1);
        if (!is_ipv6(host))
            return "what is in brackets is no IPv6 address";
    } else {
        ptrdiff_t colon = span_find_byte(authority, ':');
        if (colon >= 0) {
            host = span_take(authority, (size_t)colon);
            rest = span_skip(authority, (size_t)colon);
        }
        if (host.len == 0 || host.len > 253 || !only(host, ".-_"))
            return "its host is no name or address (IPv6 goes in brackets)";
    }
    if (rest.len > 0 && (rest.ptr[0] != ':' || !port_ok(span_skip(rest, 1), 1)))
        return "its port is not between 1 and 65535";
    *ret_host = host;
    *ret_port = rest.len > 0 ? span_skip(rest, 1) : SPAN_NULL;
    return NULL;
}

static const char *form_url_prefix(struct span path, struct span *ret_prefix)
{
    for (size_t i = 0; i < path.len; i++)
        if (path.ptr[i] <= ' ' || path.ptr[i] >= 0x7f || strchr("\"<>\\^`{|}", path.ptr[i]))
            return "its path has characters that a URL does not have";
    if (span_find(path, SPAN("//")) >= 0 || span_find(path, SPAN("/.")) >= 0)
        return "its path has empty parts or dots";
    if (span_ends(path, SPAN("/")))
        path = span_take(path, path.len - 1);
    if (span_ends(path, SPAN("/v1")))
        path = span_take(path, path.len - 3);
    *ret_prefix = path;
    return NULL;
}

const char *form_url(struct span text, struct form_url *ret_url)
{
    struct form_url url = {0};
    ptrdiff_t scheme = span_find(text, SPAN("://"));
    url.tls = scheme == 5 && span_eq_nocase(span_take(text, 5), SPAN("https"));
    if (!url.tls && !(scheme == 4 && span_eq_nocase(span_take(text, 4), SPAN("http"))))
        return "it does not begin with http:// or https://";
    struct span rest = span_skip(text, (size_t)scheme + 3);
    if (span_find_byte(rest, '@') >= 0)
        return "it holds a user or password; use api_key_file";
    if (span_find_byte(rest, '?') >= 0 || span_find_byte(rest, '#') >= 0)
        return "it holds a query";
    ptrdiff_t slash = span_find_byte(rest, '/');
    struct span authority = slash < 0 ? rest : span_take(rest, (size_t)slash);
    const char *wrong = split_authority(authority, &url.host, &url.port);
    if (!wrong)
        wrong = form_url_prefix(slash < 0 ? SPAN("") : span_skip(rest, (size_t)slash), &url.prefix);
    if (!wrong)
        *ret_url = url;
    return wrong;
}

void form_url_write(struct buf *buf, const struct form_url *url)
{
    bool brackets = span_find_byte(url->host, ':') >= 0;
    buf_append(buf, url->tls ? SPAN("https://") : SPAN("http://"));
    buf_append(buf, brackets ? SPAN("[") : SPAN(""));
    for (size_t i = 0; i < url->host.len; i++) {
        char c = url->host.ptr[i];
        buf_append_byte(buf, c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c);
    }
    buf_append(buf, brackets ? SPAN("]") : SPAN(""));
    if (url->port.len > 0) {
        buf_append_byte(buf, ':');
        buf_append(buf, url->port);
    }
    buf_append(buf, url->prefix);
}

/* True when the last label or labels of the name are `suffix`, or the whole name is. */
static bool host_under(struct span host, struct span suffix)
{
    if (host.len < suffix.len)
        return false;
    struct span end = span_skip(host, host.len - suffix.len);
    return span_eq_nocase(end, suffix) &&
           (end.len == host.len || host.ptr[host.len - suffix.len - 1] == '.');
}

bool form_host_is_loopback(struct span host)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (is_ip(AF_INET, host, &v4))
        return ntohl(v4.s_addr) >> 24 == 127;
    if (is_ip(AF_INET6, host, &v6))
        return IN6_IS_ADDR_LOOPBACK(&v6);
    return host_under(host, SPAN("localhost"));
}

static bool ipv4_is_private(uint32_t address)
{
    static const struct {
        uint32_t network;
        unsigned bits;
    } networks[] = {
        {0x0a000000, 8},  {0xac100000, 12}, {0xc0a80000, 16}, /* RFC 1918 */
        {0x64400000, 10},                                     /* RFC 6598, also overlay networks */
        {0xa9fe0000, 16},                                     /* RFC 3927 */
    };
    for (size_t i = 0; i < COUNT_OF(networks); i++)
        if ((address ^ networks[i].network) >> (32 - networks[i].bits) == 0)
            return true;
    return false;
}

bool form_host_is_private(struct span host)
{
    static const struct span suffixes[] = {
        {"local", 5}, {"internal", 8}, {"lan", 3}, {"home.arpa", 9}};
    struct in_addr v4;
    struct in6_addr v6;
    if (form_host_is_loopback(host))
        return true;
    if (is_ip(AF_INET, host, &v4))
        return ipv4_is_private(ntohl(v4.s_addr));
    if (is_ip(AF_INET6, host, &v6)) /* fc00::/7 and fe80::/10 */
        return (v6.s6_addr[0] & 0xfe) == 0xfc || IN6_IS_ADDR_LINKLOCAL(&v6);
    if (span_find_byte(host, '.') < 0)
        return true; /* a name without a dot: a container or a machine in the same network */
    for (size_t i = 0; i < COUNT_OF(suffixes); i++)
        if (host_under(host, suffixes[i]))
            return true;
    return false;
}

bool form_listen(struct span text, struct span *ret_host)
{
    if (span_starts(text, SPAN("unix:"))) {
        *ret_host = SPAN_NULL;
        struct span path = span_skip(text, 5);
        return path.len > 1 && path.len <= UNIX_PATH_BYTES_MAX && path.ptr[0] == '/' &&
               !memchr(path.ptr, '\0', path.len);
    }
    size_t host_len = text.len;
    while (host_len > 0 && text.ptr[host_len - 1] != ':')
        host_len--;
    struct span host = span_take(text, host_len > 0 ? host_len - 1 : 0);
    if (!port_ok(span_skip(text, host_len), 0))
        return false;
    bool bracketed = host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']';
    *ret_host = host.ptr ? host : SPAN("");
    return host.len == 0 || is_ipv4(host) ||
           (bracketed && is_ipv6(span_of(host.ptr + 1, host.len - 2)));
}

static bool has_upper(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (is_letter(text.ptr[i]) && !is_lower(text.ptr[i]))
            return true;
    return false;
}

bool form_origin(struct span text)
{
    if (span_eq(text, SPAN("*")))
        return true;
    ptrdiff_t scheme_len = span_find(text, SPAN("://"));
    if (scheme_len <= 0 || has_upper(text) || text.len > 255)
        return false;
    struct span scheme = span_take(text, (size_t)scheme_len);
    struct span host, port;
    if (!is_lower(scheme.ptr[0]) || !only(scheme, "+-.") ||
        split_authority(span_skip(text, (size_t)scheme_len + 3), &host, &port) != NULL)
        return false;
    /* Browsers leave the scheme's own port out: with it, the origin would never match. */
    return !(span_eq(scheme, SPAN("https")) && span_eq(port, SPAN("443"))) &&
           !(span_eq(scheme, SPAN("http")) && span_eq(port, SPAN("80")));
}

bool form_name(struct span text)
{
    return text.len > 0 && text.len <= NAME_BYTES_MAX && only(text, "._-");
}

bool form_model(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] <= ' ' || text.ptr[i] == 0x7f)
            return false;
    return text.len > 0 && text.len <= MODEL_BYTES_MAX && text_is_utf8(text);
}

bool form_text(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < ' ' || text.ptr[i] == 0x7f)
            return false;
    return text.len > 0 && text.len <= NAME_BYTES_MAX && text_is_utf8(text);
}

bool form_field(struct span text)
{
    return text.len > 0 && text.len <= NAME_BYTES_MAX && only(text, "._-");
}

bool form_user(struct span text)
{
    return text.len > 0 && text.len <= USER_BYTES_MAX &&
           (is_lower(text.ptr[0]) || text.ptr[0] == '_') && only(text, "._-");
}

bool form_log(struct span text)
{
    if (text.len == 0 || text.len > 255 || text.ptr[0] == '/' || text.ptr[text.len - 1] == '/')
        return false;
    struct span rest = text;
    struct span part;
    while (span_split(&rest, '/', &part))
        if (part.len == 0 || span_eq(part, SPAN("..")) || span_eq(part, SPAN(".")))
            return false;
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < ' ' || text.ptr[i] == 0x7f)
            return false;
    return true;
}

bool form_env(struct span text)
{
    return text.len > 0 && text.len <= 255 && !is_digit(text.ptr[0]) && only(text, "_");
}
