/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mac.h"
#include "base/text.h"

/* The key and message of the SipHash paper, appendix A: 00 01 02 … */
static struct mac_key paper_key(void)
{
    struct mac_key key;
    for (size_t i = 0; i < sizeof(key.bytes); i++)
        key.bytes[i] = (unsigned char)i;
    return key;
}

static void siphash_of_the_paper(void **state)
{
    (void)state;
    struct mac_key key = paper_key();
    char message[15];
    for (size_t i = 0; i < sizeof(message); i++)
        message[i] = (char)i;
    assert_true(mac_64(&key, span_of(message, sizeof(message))) == UINT64_C(0xa129ca6149be45e5));
    assert_true(mac_64(&key, SPAN_NULL) == UINT64_C(0x726fdb47dd0e0e31));
}

static void siphash_128_of_the_reference(void **state)
{
    (void)state;
    struct mac_key key = paper_key();
    unsigned char mac[16];
    char text[33];
    mac_128(&key, SPAN_NULL, mac);
    text_hex(mac, sizeof(mac), text);
    assert_string_equal(text, "a3817f04ba25a8e66df67214c7550293");
}

static void key_and_every_byte_count(void **state)
{
    (void)state;
    struct mac_key key = paper_key();
    uint64_t mac = mac_64(&key, SPAN("abc"));
    assert_true(mac != mac_64(&key, SPAN("abd")));
    assert_true(mac != mac_64(&key, span_of("abc", 4)));
    key.bytes[15] ^= 1;
    assert_true(mac != mac_64(&key, SPAN("abc")));
}

static void sha256_of_the_standard(void **state)
{
    (void)state;
    unsigned char digest[SHA256_BYTES];
    char text[2 * SHA256_BYTES + 1];
    sha256(SPAN("abc"), digest);
    text_hex(digest, sizeof(digest), text);
    assert_string_equal(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    sha256(SPAN_NULL, digest);
    text_hex(digest, sizeof(digest), text);
    assert_string_equal(text, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(siphash_of_the_paper),
        cmocka_unit_test(siphash_128_of_the_reference),
        cmocka_unit_test(key_and_every_byte_count),
        cmocka_unit_test(sha256_of_the_standard),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
