/* SPDX-License-Identifier: Apache-2.0 */
#include "words.h"

#include "base/chance.h"

static const struct span latin[] = {
    SPAN(" the"),     SPAN(" of"),     SPAN(" a"),     SPAN(" to"),    SPAN(" is"),
    SPAN(" in"),      SPAN(" and"),    SPAN(" that"),  SPAN(" it"),    SPAN(" for"),
    SPAN(" with"),    SPAN(" as"),     SPAN(" by"),    SPAN(" from"),  SPAN(" this"),
    SPAN(" which"),   SPAN(" one"),    SPAN(" when"),  SPAN(" water"), SPAN(" stone"),
    SPAN(" harbour"), SPAN(" wall"),   SPAN(" tide"),  SPAN(" wind"),  SPAN(" light"),
    SPAN(" ship"),    SPAN(" rope"),   SPAN(" chart"), SPAN(" coast"), SPAN(" depth"),
    SPAN(" slow"),    SPAN(" steady"), SPAN(" high"),  SPAN(" low"),   SPAN(" early"),
    SPAN(" keeps"),   SPAN(" holds"),  SPAN(" rises"), SPAN(" falls"), SPAN(" turns"),
    SPAN("ing"),      SPAN("ed"),      SPAN("s"),      SPAN(","),      SPAN("."),
};

static const struct span mixed[] = {
    SPAN(" the"), SPAN(" tide"), SPAN(" wall"), SPAN(" of"),  SPAN("水"),   SPAN("海"),
    SPAN("风"),   SPAN("石"),    SPAN("船"),    SPAN("的"),   SPAN("是"),   SPAN("在"),
    SPAN("我们"), SPAN("可以"),  SPAN("堤岸"),  SPAN("港口"), SPAN("上升"), SPAN("慢慢"),
    SPAN("一个"), SPAN("，"),    SPAN("。"),
};

struct span words_piece(enum preset_words words, uint64_t seed, uint32_t index)
{
    uint64_t draw = chance_seed(seed, index);
    struct span piece =
        words == PRESET_MIXED ? mixed[draw % COUNT_OF(mixed)] : latin[draw % COUNT_OF(latin)];
    return index == 0 && piece.ptr[0] == ' ' ? span_skip(piece, 1) : piece;
}
