/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The front page and the waiting page in two languages. Everything that is not ours (names, the host) is escaped. Any thread.
 */
#pragma once

#include "site/site.h"

enum page_language { PAGE_ENGLISH, PAGE_CHINESE };

/* Written by tools/embed_texts.py: page.css behind the tokens of web/, and the chat's icon. */
extern const char page_style[];
extern const char page_icon[];

/* The first language of Accept-Language that we speak; weights are honoured, English is the default. */
enum page_language page_language(struct span accept_language);

void page_write(const struct site_facts *facts, enum page_language language, struct buf *body);
void page_write_waiting(const struct site_facts *facts, enum page_language language,
                        struct buf *body);
