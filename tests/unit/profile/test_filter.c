/* Patterns and filters: each rule of docs/internals/patterns.md has its line here. */
#include "feed.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static bool matches(const char *file, const char *module, const char *qualname, const char *pattern)
{
    struct pyro_function f = {.file = {file, strlen(file)},
                              .module = {module, strlen(module)},
                              .qualname = {qualname, strlen(qualname)}};
    return pyro_profile_matches(&f, pattern);
}

static void test_paths(void **state)
{
    const char *file = "/home/u/app/src/main.py";
    static const char *const yes[] = {"/home/u/app/src/main.py",
                                      "main.py",
                                      "src/main.py",
                                      "./src/main.py",
                                      "src/",
                                      "app/",
                                      "/home/",
                                      "/home/u/app/src/",
                                      "/home/*/main.py",
                                      "app/*.py",
                                      "s?c/*",
                                      "*/src/*",
                                      "*.py",
                                      "u/*/main.py"};
    static const char *const no[] = {"ain.py", "/src/main.py", "main.p",   "src", "rc/main.py",
                                     "",       "/app/",        "main.py/", "./",  "/x"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        if (!matches(file, "main", "f", yes[i]))
            fail_msg("%s must match", yes[i]);
    }
    for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
        if (matches(file, "main", "f", no[i]))
            fail_msg("%s must not match", no[i]);
    }
    assert_true(matches("<frozen importlib._bootstrap>", "", "f", "<frozen *"));
    assert_true(matches("<string>", "", "<module>", "<string>"));
    assert_true(matches("/a/we[i]rd.py", "", "f", "we[i]rd.py")); /* no classes of characters */
}

static void test_modules(void **state)
{
    assert_true(matches("/l/json/decoder.py", "json.decoder", "f", "json"));
    assert_true(matches("/l/json/decoder.py", "json.decoder", "f", "json.decoder"));
    assert_true(matches("/l/json/decoder.py", "json.decoder", "f", "json.dec*"));
    assert_true(matches("/l/json/decoder.py", "json.decoder", "f", "js*"));
    assert_true(matches("/l/json/decoder.py", "json.decoder", "f", "*.decoder"));
    assert_false(matches("/l/jsonschema/a.py", "jsonschema.a", "f", "json"));
    assert_false(matches("/l/json/decoder.py", "json.decoder", "f", "decoder"));
    assert_false(matches("/l/json/decoder.py", "json.decoder", "f", "f"));
    /* not known: read off the path */
    assert_true(matches("/l/json/decoder.py", "", "f", "json"));
    assert_true(matches("/l/json/decoder.py", "", "f", "json.decoder"));
    assert_true(matches("/l/json/__init__.py", "", "f", "json"));
    assert_false(matches("/l/jsonschema/a.py", "", "f", "json"));
    assert_false(matches("<string>", "", "f", "string"));
}

static void test_names(void **state)
{
    assert_true(matches("/m.py", "pkg.m", "C.run", "pkg.m:C.run"));
    assert_true(matches("/m.py", "pkg.m", "C.run", "pkg.m:C.*"));
    assert_true(matches("/m.py", "pkg.m", "C.run", "pkg.*:*.run"));
    assert_true(matches("/m.py", "pkg.m", "C.run", ":C.run"));
    assert_true(matches("/m.py", "pkg.m", "C.run", "pkg.m:"));
    assert_true(matches("/m.py", "pkg.m", "f.<locals>.<lambda>", ":*.<lambda>"));
    assert_false(matches("/m.py", "pkg.m", "C.run", "pkg:C.run")); /* the module as it is */
    assert_false(matches("/m.py", "pkg.m", "C.run", "pkg.m:run"));
}

static void test_glob(void **state)
{
    char text[5000], pattern[200];
    memset(text, 'a', sizeof text);
    for (size_t i = 0; i < sizeof pattern; i++)
        pattern[i] = i % 2 ? '*' : 'a';
    assert_true(pyro_profile_glob(pattern, sizeof pattern, text, sizeof text));
    pattern[0] = 'b';
    assert_false(pyro_profile_glob(pattern, sizeof pattern, text, sizeof text));
    assert_true(pyro_profile_glob("a\0b", 3, "a\0b", 3));
    assert_true(pyro_profile_glob("*", 1, "", 0));
    assert_false(pyro_profile_glob("?", 1, "", 0));
}

/*  m:1 ─ lib:5 ─ f:10 ─ lib:6    6
 *            └ f:11              3
 *  lib:7                         1  (another thread's bottom; 10 in all) */
static struct feed feed;
static void start(void)
{
    feed_start(&feed, 20);
    feed_function(&feed, "m", "/app/m.py", "<module>", "__main__", 1, 9);
    feed_function(&feed, "lib", "/app/venv/lib/python3.13/site-packages/lib.py", "lib", "lib", 1,
                  9);
    feed_function(&feed, "f", "/app/pkg/f.py", "f", "pkg.f", 1, 20);
    feed_sample(&feed, "main", "m:1 > lib:5 > f:10 > lib:6", 6);
    feed_sample(&feed, "main", "m:1 > lib:5 > f:11", 3);
    feed_sample(&feed, "other", "lib:7", 1);
}

static void test_take_out(void **state)
{
    const char *lib[] = {"lib"};
    struct pyro_filter filter = {.exclude = lib, .exclude_count = 1};
    struct pyro_profile *p = NULL, *whole;
    start();
    whole = feed_finish(&feed);
    assert_int_equal(pyro_profile_filter(whole, &filter, &p, NULL), 0);
    pyro_profile_free(whole); /* the new one stands alone */
    assert_int_equal(p->samples, 10);
    assert_int_equal(p->outside, 1);
    assert_int_equal(sums_of(p, "lib").total, 0);
    assert_int_equal(sums_of(p, "f").self, 9);     /* lib's 6 charged to its caller */
    assert_int_equal(line_of(p, "f", 10).self, 6); /* at the call */
    assert_int_equal(line_of(p, "f", 11).self, 3);
    assert_int_equal(edge_of(p, "<module>", "f"), 9);
    assert_int_equal(p->node_count, 3);
    assert_int_equal(p->run_count, 3);
    pyro_profile_free(p);
}

static void test_thread(void **state)
{
    struct pyro_profile *p = NULL, *whole;
    struct pyro_error err = {0};
    start();
    whole = feed_finish(&feed);
    struct pyro_filter by_name = {.thread = "other"}, by_tid = {.thread = "100"},
                       nobody = {.thread = "none"};
    assert_int_equal(pyro_profile_filter(whole, &by_name, &p, NULL), 0);
    assert_int_equal(p->samples, 1);
    assert_int_equal(sums_of(p, "lib").self, 1);
    assert_int_equal(sums_of(p, "f").total, 0);
    assert_int_equal(p->threads[0].samples, 0);
    pyro_profile_free(p);
    assert_int_equal(pyro_profile_filter(whole, &by_tid, &p, NULL), 0);
    assert_int_equal(p->samples, 9);
    assert_int_equal(sums_of(p, "lib").self, 6);
    pyro_profile_free(p);
    assert_int_equal(pyro_profile_filter(whole, &nobody, &p, &err), PYRO_E_NOT_FOUND);
    assert_null(p);
    pyro_profile_free(whole);
}

static void test_process(void **state)
{
    struct pyro_profile *p = NULL, *whole;
    struct pyro_error err = {0};
    start();
    const struct pyro_visitor *v = &feed.b->visitor;
    struct pyro_process_fact child = {.id = 1, .pid = 78, .ppid = 77};
    assert_int_equal(v->process(v->ctx, &child), 0);
    whole = feed_finish(&feed);
    assert_int_equal(whole->process_count, 2);
    whole->threads[1].process = 1; /* the other thread is the child's */
    struct pyro_filter first = {.process = 77}, second = {.process = 78}, neither = {.process = 79},
                       mixed = {.process = 77, .thread = "other"};
    assert_int_equal(pyro_profile_filter(whole, &first, &p, NULL), 0);
    assert_int_equal(p->samples, 9);
    assert_int_equal(p->threads[1].samples, 0);
    assert_int_equal(sums_of(p, "lib").self, 6);
    pyro_profile_free(p);
    assert_int_equal(pyro_profile_filter(whole, &second, &p, NULL), 0);
    assert_int_equal(p->samples, 1);
    assert_int_equal(edge_of(p, "<module>", "lib"), 0);
    pyro_profile_free(p);
    assert_int_equal(pyro_profile_filter(whole, &neither, &p, &err), PYRO_E_NOT_FOUND);
    assert_string_equal(err.text, "The recording has no process 79.");
    assert_int_equal(pyro_profile_filter(whole, &mixed, &p, &err), PYRO_E_NOT_FOUND);
    assert_string_equal(err.text, "That process has no thread with the name or id other.");
    assert_null(p);
    pyro_profile_free(whole);
}

static void test_only(void **state)
{
    const char *only[] = {"pkg", "*:nothing"};
    struct pyro_filter filter = {.only = only, .only_count = 2};
    struct pyro_profile *p = NULL, *whole;
    start();
    whole = feed_finish(&feed);
    assert_int_equal(pyro_profile_filter(whole, &filter, &p, NULL), 0);
    assert_int_equal(sums_of(p, "f").total, 9);
    assert_int_equal(p->node_count, 2);
    assert_int_equal(p->outside, 1);
    assert_int_equal(edge_of(p, NULL, "f"), 9);
    pyro_profile_free(p);
    pyro_profile_free(whole);
}

static void kept_of_module(const char *dir, const char *file, const char *module, bool expected)
{
    struct pyro_filter filter = {.mine = dir};
    struct pyro_profile *p = NULL, *whole;
    struct feed one;
    feed_start(&one, 5); /* its working directory is /app */
    feed_function(&one, "f", file, "f", module, 1, 2);
    feed_sample(&one, "t", "f:1", 5);
    whole = feed_finish(&one);
    assert_int_equal(pyro_profile_filter(whole, &filter, &p, NULL), 0);
    if ((p->outside == 0) != expected)
        fail_msg("%s under %s", file, dir);
    pyro_profile_free(p);
    pyro_profile_free(whole);
}

static void kept_by_mine(const char *dir, const char *file, bool expected)
{
    kept_of_module(dir, file, "", expected);
}

static void test_mine(void **state)
{
    char dir[] = "/tmp/pyrometer-mine-XXXXXX", path[200], file[200];
    kept_by_mine("/app", "/app/m.py", true);
    kept_by_mine("/app/", "/app/a/b/m.py", true);
    kept_by_mine("/", "/app/m.py", true);
    kept_by_mine("/app", "m.py", true);     /* relative: to the working directory */
    kept_by_mine("/app", "<string>", true); /* `-c`: nothing tells its module */
    kept_of_module("/app", "<string>", "__main__", true);
    kept_of_module("/app", "<string>", "namedtuple_Point", false); /* its maker's */
    kept_by_mine("/app", "<stdin>", true);
    kept_by_mine("/app", "<frozen importlib._bootstrap>", false);
    kept_by_mine("/app", "/application/m.py", false);
    kept_by_mine("/app", "/app", false);
    kept_by_mine("/app", "", false);
    kept_by_mine("/app", "/app/x/site-packages/m.py", false);
    kept_by_mine("/app", "/app/x/dist-packages/p/m.py", false);
    kept_by_mine("/app", "/app/py/lib/python3.13/json/decoder.py", false);
    kept_by_mine("/app", "/app/lib/helper.py", true);
    kept_by_mine("/app", "/app/python3.13/m.py", true);

    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/.venv", dir);
    snprintf(file, sizeof file, "%s/.venv/src/m.py", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    kept_by_mine(dir, file, true);
    snprintf(path, sizeof path, "%s/.venv/pyvenv.cfg", dir);
    FILE *cfg = fopen(path, "w");
    assert_non_null(cfg);
    fclose(cfg);
    kept_by_mine(dir, file, false);
    unlink(path);
    snprintf(path, sizeof path, "%s/.venv", dir);
    rmdir(path);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),    cmocka_unit_test(test_modules),
        cmocka_unit_test(test_names),    cmocka_unit_test(test_glob),
        cmocka_unit_test(test_take_out), cmocka_unit_test(test_thread),
        cmocka_unit_test(test_process),  cmocka_unit_test(test_only),
        cmocka_unit_test(test_mine)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
