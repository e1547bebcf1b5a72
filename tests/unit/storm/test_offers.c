/* SPDX-License-Identifier: Apache-2.0 */
#include "storm_test.h"

#include "storm/offers.h"

static struct scenario scenario;
static struct trace_row rows[] = {{10, 5, 100, 40}, {11, 6, 200, 60}, {13, TRACE_NOBODY, 300, 80}};
static const struct trace trace = {.rows = rows, .count = 3, .span_s = 4.5, .output_mean = 60};

static struct offers offers_of(const char *keys, double rate, double scale, uint64_t seed)
{
    char text[1024];
    struct offers offers;
    (void)snprintf(
        text, sizeof(text),
        "title: t\nseconds: 1000\ngroups:\n  - {name: g, side: legitimate, identities: 50%s}\n",
        keys);
    scenario_of(text, &scenario);
    offers_init(&offers, &(struct offers_terms){.group = &scenario.groups[0],
                                                .rate = rate,
                                                .seconds = scenario.seconds,
                                                .scale = scale,
                                                .trace = &trace,
                                                .seed = seed});
    return offers;
}

static void lengths_have_their_median_and_stay_in_their_bounds(void **state)
{
    (void)state;
    struct offers offers = offers_of("", 50, 1, 1);
    struct offer offer;
    int count = 0, below_in = 0, below_out = 0, at_most = 0;
    for (; offers_next(&offers, &offer); count++) {
        assert_in_range(offer.input_tokens, 1, 4000);
        assert_in_range(offer.output_tokens, 1, 1000);
        assert_in_range(offer.identity, 0, 49);
        assert_true(offer.streamed);
        below_in += offer.input_tokens < 300;
        below_out += offer.output_tokens < 180;
        at_most += offer.output_tokens == 1000;
    }
    assert_true(abs(count - 50000) < 4 * 224);
    assert_true(abs(below_in - count / 2) < 4 * 112);
    assert_true(abs(below_out - count / 2) < 4 * 112);
    assert_true(at_most > 0);
}

static void scale_makes_them_shorter(void **state)
{
    (void)state;
    struct offers offers =
        offers_of(", input_sigma: 0, output_sigma: 0, output_median: 2", 1, 0.1, 1);
    struct offer offer;
    assert_true(offers_next(&offers, &offer));
    assert_int_equal(offer.input_tokens, 30);
    assert_int_equal(offer.output_tokens, 1);
}

static void next_goes_round(void **state)
{
    (void)state;
    struct offers offers = offers_of(", pick: next", 1, 1, 1);
    struct offer offer;
    for (uint32_t i = 0; i < 120; i++) {
        assert_true(offers_next(&offers, &offer));
        assert_int_equal(offer.identity, i % 50);
    }
}

static void a_share_is_streamed(void **state)
{
    (void)state;
    struct offers offers = offers_of(", streamed: 0.25", 10, 1, 1);
    struct offer offer;
    int count = 0, streamed = 0;
    for (; offers_next(&offers, &offer); count++)
        streamed += offer.streamed;
    assert_true(abs(streamed - count / 4) < 200);
}

static void a_trace_is_replayed_round_by_round(void **state)
{
    (void)state;
    struct offers offers = offers_of(", trace: true, from_s: 2", 3 / 4.5, 1, 1);
    struct offer offer;
    const uint64_t due_ms[] = {2000, 3000, 5000, 6500, 7500, 9500};
    for (size_t i = 0; i < COUNT_OF(due_ms); i++) {
        assert_true(offers_next(&offers, &offer));
        assert_int_equal(offer.due_us, due_ms[i] * 1000);
        assert_int_equal(offer.input_tokens, rows[i % 3].input_tokens);
        assert_int_equal(offer.output_tokens, rows[i % 3].output_tokens);
        if (i % 3 < 2)
            assert_int_equal(offer.identity, rows[i % 3].client);
    }
}

static void a_trace_is_thinned_or_pressed_to_its_rate(void **state)
{
    (void)state;
    struct offer offer;
    int count = 0;
    struct offers thinned = offers_of(", trace: true", 0.2, 1, 1);
    while (offers_next(&thinned, &offer))
        count++;
    assert_true(abs(count - 200) < 60);
    struct offers pressed = offers_of(", trace: true", 20, 1, 1);
    for (count = 0; offers_next(&pressed, &offer);)
        count++;
    assert_true(abs(count - 20000) <= 3);
}

static void a_seed_repeats_its_offers(void **state)
{
    (void)state;
    struct offers a = offers_of("", 10, 1, 3), b = offers_of("", 10, 1, 3);
    struct offer one, two;
    for (int i = 0; i < 100; i++) {
        assert_true(offers_next(&a, &one) && offers_next(&b, &two));
        assert_int_equal(one.due_us, two.due_us);
        assert_int_equal(one.seed, two.seed);
        assert_int_equal(one.identity, two.identity);
        assert_int_equal(one.input_tokens, two.input_tokens);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths_have_their_median_and_stay_in_their_bounds),
        cmocka_unit_test(scale_makes_them_shorter),
        cmocka_unit_test(next_goes_round),
        cmocka_unit_test(a_share_is_streamed),
        cmocka_unit_test(a_trace_is_replayed_round_by_round),
        cmocka_unit_test(a_trace_is_thinned_or_pressed_to_its_rate),
        cmocka_unit_test(a_seed_repeats_its_offers),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
