/* timing.c: a read is slow if it took over twice the median of its shape, and what its changed
 * cache lines may take. */
#include "sample_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static bool timing_slow(struct pyro_sampler *s, uint32_t iovecs, size_t bytes, uint64_t ns)
{
    return ns > timing_limit(s, iovecs, bytes, ns);
}

static void warm(struct pyro_sampler *s, uint32_t iovecs, size_t bytes, uint64_t ns, int count)
{
    while (count-- > 0)
        timing_slow(s, iovecs, bytes, ns);
}

static void test_warm_up(void **state)
{
    struct pyro_sampler s = {0};
    for (int i = 0; i < 16; i++) { /* little to go by */
        bool slow = timing_slow(&s, 4, 1000, i == 7 ? 55001 : i == 8 ? 55000 : 1000);
        assert_int_equal(slow, i == 7);
    }
    assert_true(timing_slow(&s, 4, 1000, 2001));
    assert_false(timing_slow(&s, 4, 1000, 2000)); /* twice is not over twice */
    assert_false(timing_slow(&s, 4, 1000, 1));
    assert_true(timing_slow(&s, 4, 1000, UINT64_C(1) << 40)); /* more than 32 bits of ns */
    free(s.shapes);
}

static void test_shapes(void **state)
{
    struct pyro_sampler s = {0};
    warm(&s, 4, 1000, 1000, 32);
    warm(&s, 4, 100000, 50000, 32);
    warm(&s, 40, 1000, 9000, 32);
    assert_true(timing_slow(&s, 4, 1000, 9000));
    assert_true(timing_slow(&s, 4, 1024, 9000)); /* the same power of two */
    assert_false(timing_slow(&s, 4, 1025, 9000));
    assert_false(timing_slow(&s, 40, 1000, 9000));
    assert_false(timing_slow(&s, 4, 100000, 90000));
    for (uint32_t i = 0; i < 500; i++)
        warm(&s, 100 + i, 1, 1, 1);
    assert_true(timing_slow(&s, 4, 1000, 9000));
    for (uint32_t i = 0; i < 5000; i++) /* more than are kept: the latest can be learnt */
        warm(&s, 1000 + i, 1, 1, 1);
    warm(&s, 4, 1000, 1000, 32);
    assert_true(timing_slow(&s, 4, 1000, 9000));
    free(s.shapes);
}

/* When all reads become slow it is the machine that did: they count again after a while. */
static void test_median_follows(void **state)
{
    struct pyro_sampler s = {0};
    warm(&s, 4, 1000, 1000, 64);
    int slow = 0;
    for (int i = 0; i < 200; i++)
        slow += timing_slow(&s, 4, 1000, 5000);
    assert_in_range(slow, 16, 64);
    assert_false(timing_slow(&s, 4, 1000, 5000));
    free(s.shapes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_warm_up),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_median_follows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
