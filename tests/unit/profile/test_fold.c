/* Folding: which paths are kept, and where the samples of the others go. */
#include "feed.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* a calls b, which calls c, and d, which calls e; the mixes are b > e, and c or e in a wrong call
 * of a.  Each sample of a mix is one that no read agreed on unless a test says so. */
static void start(struct feed *feed, size_t chain)
{
    feed_start(feed, 200000);
    feed_sample(feed, "t", "a:1 > b:2 > c:3", chain);
    feed_sample(feed, "t", "a:5 > d:6 > e:7", chain);
}

static void mix(struct feed *feed, const char *path, size_t count, size_t verified)
{
    feed_sample(feed, "t", path, verified);
    if (count > verified)
        feed_flagged(feed, "t", path, count - verified, 1, PYRO_SAMPLE_TOP_MOVED);
}

/* Samples whose own path is not believed. */
static uint64_t not_believed(const struct pyro_profile *p)
{
    return p->sampling.folded + p->sampling.moved;
}

/* The chains on top of many paths, each of which has too few samples to tell a mix from what it is
 * made of: the calls tell, counted on all of them.  A path that was often seen by both reads is
 * judged by itself. */
static void test_many_paths(void **state)
{
    struct feed feed;
    char path[64];
    feed_start(&feed, 200000);
    for (int i = 1; i <= 20; i++) {
        snprintf(path, sizeof(path), "m:%d > a:1 > b:2 > c:3", i);
        feed_sample(&feed, "t", path, 30);
        snprintf(path, sizeof(path), "m:%d > a:5 > d:6 > e:7", i);
        feed_sample(&feed, "t", path, 30);
    }
    mix(&feed, "m:7 > a:5 > b:2", 10, 1);
    mix(&feed, "m:8 > a:1 > d:6", 30, 2);
    mix(&feed, "m:9 > a:1 > d:6", 21, 20);
    struct pyro_profile *p = feed_finish(&feed);
    assert_int_equal(p->sampling.moved, 40);
    assert_int_equal(p->sampling.folded, 0);
    assert_int_equal(sums_of(p, "b").total, 630);
    assert_int_equal(sums_of(p, "d").total, 631);    /* 600, 10, 21 */
    assert_int_equal(line_of(p, "a", 1).total, 651); /* 600, 30, 21 */
    assert_int_equal(line_of(p, "m", 7).total, 70);
    pyro_profile_free(p);
}

/* Calls that two paths share, and of one of them there is little: the calls and the place that
 * their caller was called from tell. */
static void test_callers_call(void **state)
{
    for (size_t known = 0; known <= 1; known++) {
        struct feed feed;
        feed_start(&feed, 200000);
        feed_sample(&feed, "t", "m:1 > a:1 > b:2 > c:3", known ? 1000 : 10);
        feed_sample(&feed, "t", "m:1 > a:5 > b:2 > e:7", known ? 1000 : 10);
        mix(&feed, "m:1 > a:1 > b:2 > e:7", known ? 50 : 0, 0);
        feed_sample(&feed, "t", "m:9 > a:1 > b:2 > c:3", 10);
        feed_sample(&feed, "t", "m:9 > a:5 > b:2 > e:7", 10);
        mix(&feed, "m:9 > a:1 > b:2 > e:7", 8, 0);
        struct pyro_profile *p = feed_finish(&feed);
        assert_int_equal(not_believed(p), known ? 58 : 0);
        pyro_profile_free(p);
    }
}

/* Charged to what is called there in earnest. */
static void test_mix(void **state)
{
    struct feed feed;
    start(&feed, 100);
    mix(&feed, "a:1 > b:2 > e:7", 2, 0);
    struct pyro_profile *p = feed_finish(&feed);
    assert_int_equal(p->sampling.moved, 2);
    assert_int_equal(p->sampling.folded, 0);
    assert_int_equal(p->sampling.taken, 202);
    assert_int_equal(edge_of(p, "b", "e"), 0);
    assert_int_equal(edge_of(p, "b", "c"), 102);
    assert_int_equal(sums_of(p, "c").self, 102);
    assert_int_equal(sums_of(p, "c").moved, 2);
    assert_int_equal(line_of(p, "a", 1).total, 102);
    pyro_profile_free(p);
}

/* As many frames up as the mix has, each time to the most frequent one. */
static void test_mix_of_many_frames(void **state)
{
    struct feed feed;
    start(&feed, 1000);
    feed_sample(&feed, "t", "a:1 > b:2 > f:3", 900);
    feed_sample(&feed, "t", "a:1 > b:4", 10);
    mix(&feed, "a:1 > d:6 > e:7", 2, 0);
    mix(&feed, "a:1 > d:6", 3, 0);
    struct pyro_profile *p = feed_finish(&feed);
    assert_int_equal(p->sampling.moved, 5);
    assert_int_equal(edge_of(p, "a", "b"), 1915);
    assert_int_equal(sums_of(p, "c").self, 1002);
    assert_int_equal(line_of(p, "b", 4).self, 13); /* where b is most often on top */
    pyro_profile_free(p);
}

/* What came more than four times less often than the mix is not what is called there. */
static void test_seldom_called(void **state)
{
    for (size_t near = 2; near <= 3; near++) {
        struct feed feed;
        start(&feed, 500);
        feed_sample(&feed, "t", "a:1 > b:8", 500);
        feed_sample(&feed, "t", "a:1 > b:8 > c:3", near);
        mix(&feed, "a:1 > b:8 > e:7", 10, 0);
        struct pyro_profile *p = feed_finish(&feed);
        assert_int_equal(p->sampling.moved, 10);
        assert_int_equal(line_of(p, "b", 8).total, 500 + near + (near < 3 ? 0 : 10));
        assert_int_equal(edge_of(p, "d", "e"), near < 3 ? 510 : 500);
        pyro_profile_free(p);
    }
}

/* Two samples of a mix at a call site where nothing else is called. */
static struct pyro_profile *alone_at_site(const char *path)
{
    struct feed feed;
    start(&feed, 100);
    feed_sample(&feed, "t", "a:1 > b:8", 500);
    mix(&feed, path, 2, 0);
    struct pyro_profile *p = feed_finish(&feed);
    assert_int_equal(p->sampling.taken, 702);
    assert_int_equal(edge_of(p, "b", "e"), 0);
    return p;
}

/* Charged to where its upper half is at home. */
static void test_home(void **state)
{
    struct pyro_profile *p = alone_at_site("a:1 > b:8 > e:7");
    assert_int_equal(p->sampling.moved, 2);
    assert_int_equal(p->sampling.folded, 0);
    assert_int_equal(edge_of(p, "d", "e"), 102);
    assert_int_equal(sums_of(p, "e").self, 102);
    assert_int_equal(sums_of(p, "e").moved, 2);
    assert_int_equal(line_of(p, "a", 5).total, 102);
    pyro_profile_free(p);
}

/* Charged to the caller, at the call it was in, where it has no home: the top was never seen at
 * that place there (e:9), or is only called from far away (eight callers are shared, or nine). */
static void test_no_home(void **state)
{
    struct feed feed;
    struct pyro_profile *p = alone_at_site("a:1 > b:8 > e:9");
    assert_int_equal(p->sampling.folded, 2);
    assert_int_equal(p->sampling.moved, 0);
    assert_int_equal(sums_of(p, "e").total, 100);
    assert_int_equal(line_of(p, "b", 8).self, 502);
    assert_int_equal(sums_of(p, "b").moved, 2);
    pyro_profile_free(p);

    static const char *const between[] = {"", "b:9 > "};
    for (size_t far = 0; far <= 1; far++) {
        char up[100], mixed[100];
        snprintf(up, sizeof(up), "a:5 > %sb:1 > b:2 > b:3 > b:4 > b:5 > b:6 > b:7 > e:7",
                 between[far]);
        snprintf(mixed, sizeof(mixed), "a:1 > %sb:1 > b:2 > b:3 > b:4 > b:5 > b:6 > b:8 > e:7",
                 between[far]);
        feed_start(&feed, 10000);
        feed_sample(&feed, "t", up, 500);
        *(strrchr(up, 'e') - strlen(" > ")) = 0;
        *strchr(up, '5') = '1';
        *strrchr(up, '7') = '8';
        feed_sample(&feed, "t", up, 500);
        mix(&feed, mixed, 2, 0);
        p = feed_finish(&feed);
        assert_int_equal(p->sampling.moved, far ? 0 : 2);
        assert_int_equal(p->sampling.folded, far ? 2 : 0);
        pyro_profile_free(p);
    }
}

/* The nearest home counts: by the caller from another place, then by the caller's caller.  What
 * came more than four times less often than the mix is none. */
static void test_nearest_home(void **state)
{
    for (size_t near = 2; near <= 3; near++) {
        struct feed feed;
        feed_start(&feed, 10000);
        feed_sample(&feed, "t", "a:1 > b:2", 500);
        feed_sample(&feed, "t", "a:1 > b:4 > e:7", near);
        feed_sample(&feed, "t", "a:5 > b:6 > e:7", 400);
        feed_sample(&feed, "t", "m:8 > e:7", 500);
        mix(&feed, "a:1 > b:2 > e:7", 10, 0);
        struct pyro_profile *p = feed_finish(&feed);
        assert_int_equal(p->sampling.moved, 10);
        assert_int_equal(line_of(p, "b", 4).total, near < 3 ? 2 : 13);
        assert_int_equal(line_of(p, "b", 6).total, near < 3 ? 410 : 400);
        pyro_profile_free(p);
    }
}

/* One sample more or less on either side of COMMON: of the function elsewhere ... */
static void test_common_elsewhere(void **state)
{
    for (size_t e = 49; e <= 50; e++) {
        struct feed feed;
        feed_start(&feed, 10000);
        feed_sample(&feed, "t", "a:1 > b:2 > c:3", 1000);
        feed_sample(&feed, "t", "a:5 > d:8 > e:7", 40); /* no sum: one path is meant */
        feed_sample(&feed, "t", "a:5 > d:6 > e:7", e);
        mix(&feed, "a:1 > b:2 > e:7", 10, 2);
        struct pyro_profile *p = feed_finish(&feed);
        assert_int_equal(not_believed(p), e < 50 ? 0 : 10);
        assert_int_equal(edge_of(p, "b", "e"), e < 50 ? 10 : 0);
        pyro_profile_free(p);
    }
}

/* A mix may be nearly half as frequent as its upper half if both reads agree on it ten times less
 * often: f is verified in a quarter of its samples, so of 160 samples in another call 4 may be. */
static void test_seldom_verified(void **state)
{
    for (size_t verified = 4; verified <= 5; verified++) {
        struct feed feed;
        start(&feed, 1000);
        mix(&feed, "a:1 > b:9 > f:7", 400, 100);
        mix(&feed, "a:5 > d:6 > f:7", 160, verified);
        struct pyro_profile *p = feed_finish(&feed);
        assert_int_equal(not_believed(p), verified == 4 ? 160 : 0);
        assert_int_equal(edge_of(p, "d", "f"), verified == 4 ? 0 : 160);
        assert_int_equal(edge_of(p, "d", "e"), verified == 4 ? 1160 : 1000);
        assert_int_equal(edge_of(p, "b", "f"), 400);
        pyro_profile_free(p);
    }
}

/* Whether a path is a mix, by its stills: its samples, how many of them are verified, and the
 * stills of it and of what is else at its call site.  It is the rarer one, but not five times. */
static uint64_t folded_of(size_t seen, size_t verified, size_t own, size_t beside)
{
    struct feed feed;
    feed_start(&feed, 10000);
    feed_sample(&feed, "t", "a:1 > b:2 > c:3", 1000 - seen);
    mix(&feed, "a:5 > d:6 > e:7", 900, 600);
    mix(&feed, "a:1 > b:2 > e:7", seen, verified);
    feed_still(&feed, "a:1 > b:2 > c:3", beside);
    feed_still(&feed, "a:1 > b:2 > e:7", own);
    feed_still(&feed, "a:5 > d:6 > e:7", 40);
    struct pyro_profile *p = feed_finish(&feed);
    uint64_t folded = not_believed(p);
    assert_int_equal(edge_of(p, "b", "e"), seen - folded);
    assert_true(folded == 0 || folded == seen);
    pyro_profile_free(p);
    return folded;
}

/* Of 1,000 samples at the call site 250 are the path's, or 240: of 32 stills it should have 8. */
static void test_no_stills(void **state)
{
    assert_int_equal(folded_of(250, 225, 0, 32), 250);
    assert_int_equal(folded_of(240, 216, 0, 32), 0);
    assert_int_equal(folded_of(250, 226, 0, 32), 0); /* of nearly all both reads agreed on it */
    assert_int_equal(folded_of(250, 225, 1, 31), 0);
    assert_int_equal(folded_of(250, 225, 1, 47), 250); /* of 48 it should have 12 */
    assert_int_equal(folded_of(400, 360, 2, 498), 0);  /* twice is enough, whatever is expected */
}

/* Fewer tell if it is also verified three times less often than elsewhere, two thirds there. */
static void test_some_stills(void **state)
{
    assert_int_equal(folded_of(250, 55, 0, 20), 250);
    assert_int_equal(folded_of(250, 56, 0, 20), 0);
    assert_int_equal(folded_of(250, 55, 0, 19), 0);
    assert_int_equal(folded_of(250, 55, 1, 19), 0);
}

/* What is the more frequent one, here or there, is none, however few stills there are. */
static void test_stills_of_the_frequent(void **state)
{
    assert_int_equal(folded_of(499, 0, 0, 200), 499);
    assert_int_equal(folded_of(501, 0, 0, 200), 0);
    for (size_t e = 250; e <= 251; e++) {
        struct feed feed;
        feed_start(&feed, 10000);
        feed_sample(&feed, "t", "a:1 > b:2 > c:3", 1000);
        mix(&feed, "a:5 > d:6 > e:7", e, e / 2);
        mix(&feed, "a:1 > b:2 > e:7", 250, 100);
        feed_still(&feed, "a:1 > b:2 > c:3", 100);
        struct pyro_profile *p = feed_finish(&feed);
        assert_int_equal(not_believed(p), e == 250 ? 0 : 250);
        pyro_profile_free(p);
    }
}

/* A call site that no still shows: those of the caller's path count. */
static void test_stills_of_the_caller(void **state)
{
    for (size_t stills = 79; stills <= 80; stills++) {
        struct feed feed;
        feed_start(&feed, 10000);
        feed_sample(&feed, "t", "a:1 > b:2 > c:3", 1500);
        feed_sample(&feed, "t", "a:1 > b:2", 300);
        mix(&feed, "a:1 > b:4 > c:3", 200, 150); /* of 2,000 of b's */
        feed_sample(&feed, "t", "a:1 > d:5 > c:3", 2000);
        feed_still(&feed, "a:1 > b:2 > c:3", stills);
        struct pyro_profile *p = feed_finish(&feed);
        assert_int_equal(not_believed(p), stills < 80 ? 0 : 200);
        pyro_profile_free(p);
    }
}

/* A path of which there are stills is kept, by whatever else it would be folded. */
static void test_stills_save(void **state)
{
    for (size_t stills = 1; stills <= 2; stills++) {
        struct feed feed;
        start(&feed, 3000);
        mix(&feed, "a:1 > b:2 > e:7", 2, 0);
        feed_still(&feed, "a:1 > b:2 > e:7", stills);
        struct pyro_profile *p = feed_finish(&feed);
        assert_int_equal(not_believed(p), stills == 2 ? 0 : 2);
        pyro_profile_free(p);
    }
}

/* ... and of other things at the call site, be they calls or the caller itself. */
static void test_common_at_site(void **state)
{
    for (size_t c = 29; c <= 30; c++) {
        struct feed feed;
        feed_start(&feed, 10000);
        feed_sample(&feed, "t", "a:1 > b:2 > c:3", c);
        feed_sample(&feed, "t", "a:1 > b:2", 20);
        feed_sample(&feed, "t", "a:1 > b:3", 500); /* another place of the caller */
        feed_sample(&feed, "t", "a:5 > d:6 > e:7", 1000);
        mix(&feed, "a:1 > b:2 > e:7", 10, 0);
        struct pyro_profile *p = feed_finish(&feed);
        assert_int_equal(not_believed(p), c < 30 ? 0 : 10);
        assert_int_equal(edge_of(p, "b", "e"), c < 30 ? 10 : 0);
        pyro_profile_free(p);
    }
}

/* `seen` samples of the mix are folded where the path beside it came `limit` times, and not where
 * it came once less. */
static void check_limit(const char *beside, size_t limit, size_t elsewhere, size_t seen,
                        size_t verified)
{
    for (size_t n = limit - 1; n <= limit; n++) {
        struct feed feed;
        feed_start(&feed, 10000);
        feed_sample(&feed, "t", beside, n);
        feed_sample(&feed, "t", "a:5 > d:6 > e:7", elsewhere);
        mix(&feed, "a:1 > b:2 > e:7", seen, verified);
        struct pyro_profile *p = feed_finish(&feed);
        assert_int_equal(not_believed(p), n < limit ? 0 : seen);
        pyro_profile_free(p);
    }
}

/* Where nothing else is called the caller itself on top has to be 20 times as frequent. */
static void test_common_on_top(void **state)
{
    check_limit("a:1 > b:2", 200, 1000, 10, 0);
}

/* However well the reads agree, what comes once beside a thousand is not believed. */
static void test_very_rare(void **state)
{
    check_limit("a:1 > b:2 > c:3", 2000, 3000, 2, 2);
}

/* Sources that are five times as frequent, but seldom: no ground to doubt a path. */
static void test_common_least(void **state)
{
    check_limit("a:1 > b:2 > c:3", 20, 1000, 1, 0);
}

/* A call site with nothing else at it, but the same caller calls the function from another one. */
static void test_common_same_caller(void **state)
{
    for (size_t n = 49; n <= 50; n++) {
        struct feed feed;
        feed_start(&feed, 10000);
        feed_sample(&feed, "t", "a:1 > b:2 > c:3", n);
        feed_sample(&feed, "t", "a:1 > b:4 > d:3", 10);
        mix(&feed, "a:1 > b:3 > c:3", 10, 0);
        struct pyro_profile *p = feed_finish(&feed);
        assert_int_equal(not_believed(p), n < 50 ? 0 : 10);
        assert_int_equal(line_of(p, "b", 3).total, n < 50 ? 10 : 0);
        assert_int_equal(line_of(p, "b", 2).total, n < 50 ? n : n + 10);
        pyro_profile_free(p);
    }
    struct feed feed; /* the same function from another caller alone says nothing */
    feed_start(&feed, 10000);
    feed_sample(&feed, "t", "a:1 > d:2 > c:3", 1000);
    mix(&feed, "a:1 > b:3 > c:3", 10, 0);
    struct pyro_profile *p = feed_finish(&feed);
    assert_int_equal(not_believed(p), 0);
    pyro_profile_free(p);
}

/* Half of a path's samples verified is not enough, one more is; nine in ten where the rarer source
 * is at least 20 times as frequent, be it the function elsewhere or the other things at the site.
 */
static void check_agreement(size_t at_site, size_t elsewhere, size_t most)
{
    for (size_t verified = 0; verified <= 20; verified++) {
        struct feed feed;
        feed_start(&feed, 10000);
        feed_sample(&feed, "t", "a:1 > b:2 > c:3", at_site);
        feed_sample(&feed, "t", "a:5 > d:6 > e:7", elsewhere);
        mix(&feed, "a:1 > b:2 > e:7", 20, verified);
        struct pyro_profile *p = feed_finish(&feed);
        assert_int_equal(not_believed(p), verified > most ? 0 : 20);
        assert_int_equal(edge_of(p, "b", "e"), verified > most ? 20 : 0);
        pyro_profile_free(p);
    }
}

static void test_agree(void **state)
{
    check_agreement(100, 100, 10);
    check_agreement(399, 1000, 10);
    check_agreement(1000, 399, 10);
    check_agreement(400, 1000, 18);
    check_agreement(1000, 400, 18);
}

/* A true path that came once, and both reads saw it. */
static void test_rare(void **state)
{
    struct feed feed;
    start(&feed, 900);
    feed_sample(&feed, "t", "a:1 > b:2 > e:7", 1);
    feed_sample(&feed, "t", "a:1 > e:7", 1);
    struct pyro_profile *p = feed_finish(&feed);
    assert_int_equal(not_believed(p), 0);
    assert_int_equal(edge_of(p, "b", "e"), 1);
    assert_int_equal(edge_of(p, "a", "e"), 1);
    pyro_profile_free(p);
}

/* The top's own place is no part of the path: its samples count together. */
static void test_own_place(void **state)
{
    struct feed feed;
    start(&feed, 50);
    mix(&feed, "a:1 > b:2 > e:7", 1, 1);
    mix(&feed, "a:1 > b:2 > e:8", 1, 1);
    mix(&feed, "a:1 > b:2 > e:9", 1, 0); /* 2 of 3 */
    struct pyro_profile *p = feed_finish(&feed);
    assert_int_equal(not_believed(p), 0);
    assert_int_equal(edge_of(p, "b", "e"), 3);
    pyro_profile_free(p);
}

/* Verified frames below an unverified top count for their own paths; what is above a mix goes with
 * it, whatever vouches for it there: as high as there is something, ... */
static void test_above_a_mix(void **state)
{
    struct feed feed;
    feed_start(&feed, 10000);
    feed_sample(&feed, "t", "a:1 > b:2 > c:3", 500);
    feed_sample(&feed, "t", "a:5 > d:6 > e:7 > g:8", 500);
    feed_flagged(&feed, "t", "a:1 > d:6 > e:7 > g:8", 4, 3, 0); /* nothing but a is verified */
    feed_flagged(&feed, "t", "a:1 > d:6", 1, 1, 0);
    feed_flagged(&feed, "t", "a:5 > b:2 > c:3", 3, 1, 0); /* a:5 > b is, but not c in it */
    struct pyro_profile *p = feed_finish(&feed);
    assert_int_equal(p->sampling.moved, 1);
    assert_int_equal(p->sampling.folded, 4); /* not as high as it was */
    assert_int_equal(line_of(p, "a", 1).total, 505);
    assert_int_equal(sums_of(p, "c").self, 507);
    assert_int_equal(line_of(p, "b", 2).self, 1);
    assert_int_equal(sums_of(p, "g").self, 500);
    assert_int_equal(sums_of(p, "d").total, 500);
    assert_int_equal(line_of(p, "a", 5).total, 503);
    assert_int_equal(edge_of(p, "b", "c"), 507); /* at a:5 > b:2 there is nothing else */
    pyro_profile_free(p);
}

/* ... or, at the upper half's home, over all levels. */
static void test_above_a_mix_at_home(void **state)
{
    struct feed feed;
    feed_start(&feed, 10000);
    feed_sample(&feed, "t", "a:1", 500);
    feed_sample(&feed, "t", "a:5 > d:6 > e:7 > g:8", 500);
    feed_flagged(&feed, "t", "a:1 > d:6 > e:7 > g:8", 4, 3, 0);
    feed_flagged(&feed, "t", "a:1 > d:6 > h:9 > g:8", 1, 3, 0);
    struct pyro_profile *p = feed_finish(&feed);
    assert_int_equal(p->sampling.moved, 4);
    assert_int_equal(p->sampling.folded, 1); /* there, d never called h */
    assert_int_equal(line_of(p, "a", 1).total, 500);
    assert_int_equal(sums_of(p, "g").self, 504);
    assert_int_equal(line_of(p, "d", 6).self, 1);
    assert_int_equal(sums_of(p, "d").total, 505);
    assert_int_equal(sums_of(p, "h").total, 0);
    assert_int_equal(line_of(p, "a", 5).total, 505);
    pyro_profile_free(p);
}

/* The second read's path is taken where it is a better one than the caller, tick by tick. */
static void test_second(void **state)
{
    struct feed feed;
    start(&feed, 1000);
    feed_sample(&feed, "t", "a:1 > b:8", 1000);
    mix(&feed, "a:1 > b:8 > e:9", 10, 0);             /* elsewhere e was never there */
    feed_second(&feed, "t", "a:5 > d:6 > e:7", 8, 2); /* ticks 0, 1 of the ten */
    feed_second(&feed, "t", "a:1 > b:8 > e:9", 6, 1); /* 3: a mix as well */
    feed_second(&feed, "t", "a:1 > b:2 > c:3", 1, 3); /* 6, 7, 8 */
    feed_sample(&feed, "t", "a:1 > b:2 > c:3", 5);
    feed_second(&feed, "t", "a:5 > d:6", 0, 5); /* of samples that need no second read */
    struct pyro_profile *p = feed_finish(&feed);
    assert_int_equal(p->sampling.moved, 5);
    assert_int_equal(p->sampling.folded, 5); /* 2, 3, 4, 5, 9 */
    assert_int_equal(p->sampling.taken, 3015);
    assert_int_equal(sums_of(p, "e").self, 1002);
    assert_int_equal(sums_of(p, "e").moved, 2);
    assert_int_equal(sums_of(p, "c").self, 1008);
    assert_int_equal(sums_of(p, "c").moved, 3);
    assert_int_equal(line_of(p, "b", 8).self, 1005);
    assert_int_equal(sums_of(p, "d").self, 0);
    /* in time: c, e, b | e e, b x 4, c x 3, b | c */
    static const uint64_t ticks[] = {0, 1000, 2000, 3000, 3002, 3006, 3009, 3010};
    assert_int_equal(p->run_count, 8);
    for (size_t i = 0; i < p->run_count; i++)
        assert_int_equal(p->threads[0].runs[i].tick, ticks[i]);
    assert_int_equal(p->threads[0].runs[7].count, 5);
    pyro_profile_free(p);
}

/* A sample that both reads tell as the same mix, in another thread's second read. */
static void test_second_of_another_thread(void **state)
{
    struct feed feed;
    start(&feed, 1000);
    feed_sample(&feed, "t", "a:1 > b:8", 1000);
    feed_sample(&feed, "u", "a:1 > b:8", 3000);
    mix(&feed, "a:1 > b:8 > e:9", 1, 0); /* tick 3000 of both threads */
    feed_flagged(&feed, "u", "a:1 > b:8 > e:9", 1, 1, 0);
    feed_second(&feed, "u", "a:5 > d:6 > e:7", 0, 1);
    struct pyro_profile *p = feed_finish(&feed);
    assert_int_equal(p->sampling.folded, 1);
    assert_int_equal(p->sampling.moved, 1);
    assert_int_equal(sums_of(p, "e").self, 1001);
    assert_int_equal(sums_of(p, "e").moved, 1); /* though it was not told that the top moved */
    assert_int_equal(sums_of(p, "b").self, 4001);
    pyro_profile_free(p);
}

/* Random deep recursion, one way far more often than the other: most paths come once or a few
 * times, though their functions and calls are common.  All verified, they stay whole. */
static void test_recursion(void **state)
{
    enum { STACKS = 3000, DEEP = 40 };
    static const char *const call[] = {"f:1 > ", "f:2 > ", "g:3 > ", "g:4 > "};
    struct feed feed;
    uint64_t seed = 11;
    feed_start(&feed, STACKS);
    for (size_t i = 0; i < STACKS; i++) {
        char path[DEEP * 6 + 8] = "";
        for (size_t level = 0, function = 0; level < DEEP; level++) {
            seed = pyro_base_mix(seed + i);
            strcat(path, call[2 * function + (seed % 8 == 0)]);
            function = seed / 8 % 8 == 0;
        }
        strcat(path, "f:9");
        feed_sample(&feed, "t", path, 1);
    }
    struct pyro_profile *p = feed_finish(&feed);
    assert_int_equal(not_believed(p), 0);
    assert_int_equal(line_of(p, "f", 9).self, STACKS);
    assert_true(p->node_count > STACKS * DEEP / 2); /* they do differ */
    pyro_profile_free(p);
}

/* The bottom has no caller to go to, however rare; so has what is alone. */
static void test_bottom(void **state)
{
    struct feed feed;
    feed_start(&feed, 10000);
    feed_sample(&feed, "t", "m:1 > a:1 > b:2", 1000);
    feed_flagged(&feed, "t", "a:1 > b:2", 1, 2, 0);
    feed_flagged(&feed, "t", "x:1", 1, 1, 0);
    struct pyro_profile *p = feed_finish(&feed);
    assert_int_equal(not_believed(p), 0);
    assert_int_equal(edge_of(p, NULL, "a"), 1);
    assert_int_equal(edge_of(p, NULL, "x"), 1);
    pyro_profile_free(p);
}

/* Ancestors by jumps, against the plain way up. */
static void test_ancestors(void **state)
{
    enum { N = 3000 };
    struct pyro_build_node *nodes = calloc(N, sizeof(*nodes));
    uint64_t seed = 7;
    for (uint32_t i = 0; i < N; i++) {
        seed = pyro_base_mix(seed + i);
        uint32_t parent = i == 0 ? PYRO_NONE : seed % 4 ? i - 1 : (uint32_t)(seed / 4 % i);
        nodes[i].parent = parent;
        nodes[i].depth = parent == PYRO_NONE ? 1 : nodes[parent].depth + 1;
        nodes[i].jump = pyro_profile_jump(nodes, i, parent);
    }
    for (uint32_t i = 0; i < N; i += 7) {
        uint32_t at = i;
        for (uint32_t depth = nodes[i].depth; depth >= 1; depth--) {
            assert_int_equal(pyro_profile_ancestor(nodes, i, depth), at);
            at = nodes[at].parent;
        }
    }
    free(nodes);
}

/* 5,000 deep, and 200,000 different places at the top, unverified at any depth; then mixes as deep
 * as that.  Any work by depth and sample would take minutes. */
static void test_deep(void **state)
{
    enum { DEEP = 5000, TOPS = 200000, MIXES = 100 };
    struct feed feed;
    feed_start(&feed, 2 * TOPS);
    const struct pyro_visitor *v = &feed.b->visitor;
    uint32_t node = feed_node(&feed, "f:1"), thread = feed_thread(&feed, "t");
    for (uint32_t i = 1; i < DEEP; i++) {
        struct pyro_node_fact fact = {.parent = node, .frame = 0};
        assert_int_equal(v->node(v->ctx, 0, feed.node_count, &fact), 0);
        node = feed.node_count++;
    }
    for (uint32_t i = 0; i < TOPS; i++) {
        struct pyro_frame_fact frame = {.function = 0, .instruction = (int32_t)i + 10, .line = 2};
        struct pyro_node_fact fact = {.parent = node, .frame = i + 1};
        assert_int_equal(v->frame(v->ctx, 0, i + 1, &frame), 0);
        assert_int_equal(v->node(v->ctx, 0, feed.node_count, &fact), 0);
        struct pyro_sample sample = {
            .thread = thread, .node = feed.node_count++, .unverified = i % DEEP};
        assert_int_equal(v->samples(v->ctx, 0, &sample, i, 1), 0);
    }
    for (uint32_t i = 0; i < MIXES; i++) { /* from the bottom's other place up */
        uint32_t low = PYRO_NO_NODE;
        for (uint32_t level = 0; level < DEEP / 10; level++) {
            struct pyro_node_fact fact = {.parent = low, .frame = low == PYRO_NO_NODE ? i + 1 : 0};
            assert_int_equal(v->node(v->ctx, 0, feed.node_count, &fact), 0);
            low = feed.node_count++;
        }
        struct pyro_sample sample = {.thread = thread, .node = low, .unverified = DEEP / 10 - 1};
        assert_int_equal(v->samples(v->ctx, 0, &sample, TOPS + i, 1), 0);
    }
    uint64_t begin = pyro_base_monotonic_ns();
    struct pyro_profile *p = feed_finish(&feed);
    assert_true(pyro_base_monotonic_ns() - begin < 20000000000u);
    assert_int_equal(p->sampling.moved, MIXES); /* to the same recursion from the first place */
    assert_int_equal(p->sampling.folded, 0);
    assert_int_equal(sums_of(p, "f").total, TOPS + MIXES);
    assert_int_equal(sums_of(p, "f").self, TOPS + MIXES);
    assert_int_equal(line_of(p, "f", 1).total, TOPS + MIXES);
    assert_int_equal(edge_of(p, "f", "f"), TOPS + MIXES);
    pyro_profile_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_paths),
        cmocka_unit_test(test_callers_call),
        cmocka_unit_test(test_mix),
        cmocka_unit_test(test_mix_of_many_frames),
        cmocka_unit_test(test_seldom_called),
        cmocka_unit_test(test_home),
        cmocka_unit_test(test_no_home),
        cmocka_unit_test(test_nearest_home),
        cmocka_unit_test(test_common_elsewhere),
        cmocka_unit_test(test_seldom_verified),
        cmocka_unit_test(test_no_stills),
        cmocka_unit_test(test_some_stills),
        cmocka_unit_test(test_stills_of_the_frequent),
        cmocka_unit_test(test_stills_of_the_caller),
        cmocka_unit_test(test_stills_save),
        cmocka_unit_test(test_common_at_site),
        cmocka_unit_test(test_common_same_caller),
        cmocka_unit_test(test_common_least),
        cmocka_unit_test(test_common_on_top),
        cmocka_unit_test(test_very_rare),
        cmocka_unit_test(test_agree),
        cmocka_unit_test(test_rare),
        cmocka_unit_test(test_own_place),
        cmocka_unit_test(test_above_a_mix),
        cmocka_unit_test(test_above_a_mix_at_home),
        cmocka_unit_test(test_second),
        cmocka_unit_test(test_second_of_another_thread),
        cmocka_unit_test(test_recursion),
        cmocka_unit_test(test_bottom),
        cmocka_unit_test(test_ancestors),
        cmocka_unit_test(test_deep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
