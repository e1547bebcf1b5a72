/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/process.h"

#include "base/text.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#define POLL_STEP 1024U
#define POLL_MAX 1048576U /* descriptors looked at */

uint64_t process_rss_bytes(void)
{
    char text[128];
    struct span size, resident;
    uint64_t pages;
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t len = read(fd, text, sizeof(text));
    close(fd);
    if (len <= 0)
        return 0;
    struct span rest = span_of(text, (size_t)len);
    if (!span_split(&rest, ' ', &size) || !span_split(&rest, ' ', &resident) ||
        text_to_u64(resident, &pages) < 0)
        return 0;
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t process_fds_max(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
        return 0;
    return limit.rlim_cur;
}

uint64_t process_open_fds(void)
{
    struct pollfd fds[POLL_STEP];
    uint64_t max = MIN(process_fds_max(), POLL_MAX), open_count = 0;
    for (uint64_t first = 0; first < max; first += POLL_STEP) {
        size_t count = (size_t)MIN(max - first, POLL_STEP);
        for (size_t i = 0; i < count; i++)
            fds[i] = (struct pollfd){.fd = (int)(first + i)};
        if (poll(fds, count, 0) < 0)
            return 0;
        for (size_t i = 0; i < count; i++)
            open_count += !(fds[i].revents & POLLNVAL);
    }
    return open_count;
}
