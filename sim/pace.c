/* SPDX-License-Identifier: Apache-2.0 */
#include "pace.h"

/* Behind the last point the last line goes on; one point alone is a constant. */
static double decode_us(const struct preset *preset, uint32_t sequences)
{
    const struct preset_point *points = preset->time.decode_us;
    uint32_t last = preset->time.decode_points - 1, i = 0;
    if (sequences == 0)
        return 0;
    if (last == 0)
        return points[0].us;
    while (i + 1 < last && sequences > points[i + 1].sequences)
        i++;
    double slope =
        (points[i + 1].us - points[i].us) / (double)(points[i + 1].sequences - points[i].sequences);
    double us = points[i].us + slope * ((double)sequences - (double)points[i].sequences);
    return us > 0 ? us : 0;
}

double pace_step_us(const struct preset *preset, const struct pace_step *step)
{
    return preset->time.step_us + (double)step->prefill_tokens * preset->time.prefill_us +
           decode_us(preset, step->decoding) +
           (double)step->kv_tokens / 1000.0 * preset->time.kv_us_per_1000;
}
