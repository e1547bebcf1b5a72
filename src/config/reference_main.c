/* SPDX-License-Identifier: Apache-2.0 */
/* `ninja docs`: writes the pages of the table into the source tree, whose root is the first
 * argument. */
#include "config/config.h"

#define PAGE_BYTES_MAX 262144

static int write_page(const char *root, const char *name, void (*write)(struct buf *buf))
{
    char path[4096];
    int len = snprintf(path, sizeof(path), "%s/%s", root, name);
    if (len < 0 || (size_t)len >= sizeof(path))
        return -ENAMETOOLONG;
    struct buf page;
    buf_init(&page, PAGE_BYTES_MAX);
    write(&page);
    int rc = buf_status(&page);
    FILE *file = rc == 0 ? fopen(path, "we") : NULL;
    if (rc == 0 && !file)
        rc = -errno;
    if (file && fwrite(page.ptr, 1, page.len, file) != page.len)
        rc = -EIO;
    if (file && fclose(file) != 0)
        rc = -errno;
    buf_release(&page);
    if (rc < 0)
        fprintf(stderr, "cannot write '%s': %s\n", path, strerror(-rc));
    return rc;
}

int main(int argc, char **argv)
{
    const char *root = argc > 1 ? argv[1] : ".";
    return write_page(root, "docs/configuration.md", config_write_reference) < 0 ||
           write_page(root, "examples/full.yaml", config_write_full_example) < 0;
}
