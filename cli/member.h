/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Members of the service's documents, as far as they are there.
 */
#pragma once

#include "base/span.h"

#include <jansson.h>

/* Its text; `otherwise` when there is none of that name. */
const char *member_text(const json_t *object, const char *name, const char *otherwise);
/* Its whole number; 0 when there is none, or when it is negative. */
uint64_t member_number(const json_t *object, const char *name);
bool member_is_true(const json_t *object, const char *name);
