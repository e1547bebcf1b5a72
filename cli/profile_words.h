/* SPDX-License-Identifier: Apache-2.0 */
/* How profiles are shown to people: what cmd_profile.c and cmd_profile_import.c share. */
#pragma once

#include <jansson.h>

/* A table of profiles as the service shows them. */
void profile_print_table(const json_t *profiles);
