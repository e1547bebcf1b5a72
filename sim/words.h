/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of answers: word pieces from a seed. Nobody stores an answer: its n-th token can be asked for again at any
 * time. Every piece is whole UTF-8 and may stand in a JSON string as it is. Any thread.
 */
#pragma once

#include "base/span.h"
#include "preset.h"

#define WORDS_PIECE_BYTES_MAX 16

/* Token number `index` of the text of `seed`: one word with the space before it, or a mark; the first has no space. */
struct span words_piece(enum preset_words words, uint64_t seed, uint32_t index);
