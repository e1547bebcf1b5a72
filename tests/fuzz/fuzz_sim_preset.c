/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A preset's file. A refusal says why; what is accepted agrees, is written, and is read back equal.
 */
#include "fuzz.h"

#include "preset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct preset first, second;
    struct err err = {""};
    struct buf text;
    if (preset_read(span_of(data, size), "f", &first, &err) < 0) {
        check(span_starts(span_str(err.text), SPAN("f:")));
        return 0;
    }
    check(preset_agrees(&first, "f", &err) == 0);
    buf_init(&text, 1 << 20);
    preset_write(&first, &text);
    check(buf_status(&text) == 0);
    check(preset_read(buf_span(&text), "f", &second, &err) == 0);
    check(memcmp(&first, &second, sizeof(first)) == 0);
    buf_release(&text);
    return 0;
}
