/* SPDX-License-Identifier: Apache-2.0 */
/* `ninja docs`: writes the pages of the tables into the source tree, whose root is the first argument. */
#include "record/reference.h"

static int write_page(const char *root, const struct reference_page *page)
{
    char path[4096];
    struct buf buf;
    int len = snprintf(path, sizeof(path), "%s/%s", root, page->path);
    buf_init(&buf, REFERENCE_BYTES_MAX);
    page->write(&buf);
    bool good = len > 0 && (size_t)len < sizeof(path) && buf_status(&buf) == 0;
    FILE *file = good ? fopen(path, "we") : NULL;
    good = file && fwrite(buf.ptr, 1, buf.len, file) == buf.len;
    if (file && fclose(file) != 0)
        good = false;
    buf_release(&buf);
    if (!good)
        fprintf(stderr, "cannot write '%s': %s\n", path, strerror(errno));
    return good ? 0 : -1;
}

int main(int argc, char **argv)
{
    int r = 0;
    for (size_t i = 0; i < REFERENCE_PAGES && r == 0; i++)
        r = write_page(argc > 1 ? argv[1] : ".", &reference_pages[i]);
    return r < 0;
}
