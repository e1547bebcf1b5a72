/* SPDX-License-Identifier: Apache-2.0 */
#include "storm_test.h"

#include "storm/arrivals.h"

/* How many there are, and the coefficient of variation of the gaps. */
static double count_arrivals(const struct arrivals_terms *terms, double *ret_cv)
{
    struct arrivals arrivals;
    uint64_t us, before = 0, count = 0;
    double sum = 0, squares = 0;
    arrivals_init(&arrivals, terms);
    while (arrivals_next(&arrivals, &us)) {
        double gap = (double)(us - before);
        assert_true(us >= before && (double)us < terms->to_s * 1e6);
        sum += gap;
        squares += gap * gap;
        before = us;
        count++;
    }
    double mean = sum / (double)count;
    *ret_cv = sqrt(squares / (double)count - mean * mean) / mean;
    return (double)count;
}

/* 100 a second for 1000 seconds; the count deviates by cv × √100,000 at one sigma, four are let pass. */
static void has_rate_and_variation(enum scenario_law law, double cv)
{
    double found_cv;
    struct arrivals_terms terms = {.rate = 100, .law = law, .cv = cv, .to_s = 1000, .seed = 5};
    double count = count_arrivals(&terms, &found_cv);
    assert_true(fabs(count - 100000) < 4 * cv * sqrt(100000));
    assert_true(fabs(found_cv / cv - 1) < 0.05);
}

static void gaps_have_their_mean_and_their_variation(void **state)
{
    (void)state;
    has_rate_and_variation(LAW_POISSON, 1);
    has_rate_and_variation(LAW_GAMMA, 0.5);
    has_rate_and_variation(LAW_GAMMA, 3);
    has_rate_and_variation(LAW_WEIBULL, 0.5);
    has_rate_and_variation(LAW_WEIBULL, 2);
}

static void the_shape_of_weibull_is_found(void **state)
{
    (void)state;
    assert_true(fabs(arrivals_weibull_shape(1) - 1) < 1e-9);
    assert_true(fabs(arrivals_weibull_shape(sqrt(5)) - 0.5) < 1e-6);
    assert_true(arrivals_weibull_shape(0.1) < 20 && arrivals_weibull_shape(20) > 0.05);
}

static void a_ramp_sends_half_as_many(void **state)
{
    (void)state;
    double cv;
    struct arrivals_terms terms = {
        .rate = 1000, .law = LAW_POISSON, .cv = 1, .from_s = 50, .to_s = 150, .ramp_s = 100};
    double count = count_arrivals(&terms, &cv);
    assert_true(fabs(count - 50000) < 4 * sqrt(50000));
}

static void begins_and_ends_when_it_should(void **state)
{
    (void)state;
    struct arrivals arrivals;
    uint64_t us, first = 0, last = 0;
    struct arrivals_terms terms = {.rate = 1000, .from_s = 2, .to_s = 3, .seed = 9};
    arrivals_init(&arrivals, &terms);
    while (arrivals_next(&arrivals, &us)) {
        first = first ? first : us;
        last = us;
    }
    assert_in_range(first, 2000000, 2050000);
    assert_in_range(last, 2950000, 2999999);
    assert_false(arrivals_next(&arrivals, &us));
}

static void no_rate_is_no_arrival(void **state)
{
    (void)state;
    struct arrivals arrivals;
    uint64_t us;
    arrivals_init(&arrivals, &(struct arrivals_terms){.rate = 0, .to_s = 100});
    assert_false(arrivals_next(&arrivals, &us));
}

static void a_seed_repeats_its_times(void **state)
{
    (void)state;
    struct arrivals_terms terms = {.rate = 10, .to_s = 100, .seed = 1};
    struct arrivals a, b, other;
    uint64_t a_us, b_us, other_us, same = 0;
    arrivals_init(&a, &terms);
    arrivals_init(&b, &terms);
    terms.seed = 2;
    arrivals_init(&other, &terms);
    for (int i = 0; i < 100; i++) {
        assert_true(arrivals_next(&a, &a_us) && arrivals_next(&b, &b_us));
        assert_true(arrivals_next(&other, &other_us));
        assert_int_equal(a_us, b_us);
        same += a_us == other_us;
    }
    assert_true(same < 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gaps_have_their_mean_and_their_variation),
        cmocka_unit_test(the_shape_of_weibull_is_found),
        cmocka_unit_test(a_ramp_sends_half_as_many),
        cmocka_unit_test(begins_and_ends_when_it_should),
        cmocka_unit_test(no_rate_is_no_arrival),
        cmocka_unit_test(a_seed_repeats_its_times),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
