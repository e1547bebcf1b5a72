/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions that have no maximum, no re-entrancy or no error do not compile. Use span, buf, snprintf and the
 * functions of base/text.h. C only: the standard headers of C++ name some of these. rand() and random() are left to
 * tools/tidy, because libuv, libsodium and OpenSSL use these names for other things.
 */
#pragma once

#ifndef __cplusplus
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#undef sprintf /* glibc makes it a macro for clang when fortified */
#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok gets
#pragma GCC poison gmtime localtime ctime asctime atoi atol atoll atof
#pragma GCC poison srand srandom
#endif
