/* SPDX-License-Identifier: Apache-2.0 */
/* `ninja docs`: writes docs/metrics-service.md into the source tree, whose root is the first argument. */
#include "admin/metrics_page.h"

#define PAGE_BYTES_MAX 65536

int main(int argc, char **argv)
{
    char path[4096];
    struct buf page;
    int len = snprintf(path, sizeof(path), "%s/docs/metrics-service.md", argc > 1 ? argv[1] : ".");
    buf_init(&page, PAGE_BYTES_MAX);
    metrics_page_write_reference(&page);
    bool good = len > 0 && (size_t)len < sizeof(path) && buf_status(&page) == 0;
    FILE *file = good ? fopen(path, "we") : NULL;
    good = file && fwrite(page.ptr, 1, page.len, file) == page.len;
    if (file && fclose(file) != 0)
        good = false;
    buf_release(&page);
    if (!good)
        fprintf(stderr, "cannot write '%s': %s\n", path, strerror(errno));
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
