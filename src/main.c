/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seawalld: one binary, two roles. `seawalld supervisor …` is what an operator starts; `seawalld gateway` is started by it.
 */
#include "base/macros.h"
#include "gateway/gateway.h"
#include "supervisor/supervisor.h"

#include <limits.h>
#include <unistd.h>

/* The path by which this binary can be started again, even after another one was put in its place. */
static const char *own_path(void)
{
    static char path[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);
    return len > 0 ? path : "/proc/self/exe";
}

int main(int argc, char **argv)
{
    if (argc >= 2 && strcmp(argv[1], "gateway") == 0)
        return gateway_main();
    if (argc >= 2 && strcmp(argv[1], "supervisor") == 0)
        return supervisor_main(own_path(), argc - 1, argv + 1);
    fputs("usage: seawalld supervisor [--data DIR] [--config FILE] …   (seawalld supervisor "
          "--help)\n",
          stderr);
    return 2;
}
