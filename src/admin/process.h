/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel says about this process. Works inside the sandbox; what cannot be told is 0.
 */
#pragma once

#include "base/macros.h"

/* Memory in RAM now. */
uint64_t process_rss_bytes(void);
/* Open descriptors. Asked by poll() and not from /proc, which a process that may not be dumped does not get to see. */
uint64_t process_open_fds(void);
uint64_t process_fds_max(void);
