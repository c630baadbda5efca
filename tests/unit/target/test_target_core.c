/* Core files that lie. */
#include "target.h"

#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define TERABYTE ((uint64_t)1 << 40)

/* A file is mapped where memory ends: its first page would go on at 0. */
static void test_wraps(void **state)
{
    struct mapping {
        uint64_t start, end, offset;
    };
    const struct __attribute__((packed)) {
        Elf64_Ehdr elf;
        Elf64_Phdr segments[2];
        Elf64_Nhdr note;
        char name[8];
        uint64_t count, page;
        struct mapping mapped[2];
        char paths[2][15];
    } lie = {
        .elf = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB},
                .e_type = ET_CORE,
                .e_phoff = sizeof lie.elf,
                .e_phentsize = sizeof lie.segments[0],
                .e_phnum = 2},
        .segments = {{.p_type = PT_NOTE,
                      .p_offset = sizeof lie.elf + sizeof lie.segments,
                      .p_filesz = sizeof lie - sizeof lie.elf - sizeof lie.segments},
                     {.p_type = PT_LOAD, .p_vaddr = UINT64_MAX - TERABYTE, .p_memsz = TERABYTE}},
        .note = {.n_namesz = 5,
                 .n_type = NT_FILE,
                 .n_descsz = sizeof lie - offsetof(typeof(lie), count)},
        .name = "CORE",
        .count = 2,
        .page = 4096,
        .mapped = {{UINT64_MAX - 100, UINT64_MAX, 0}, {0x10000, 0x20000, 0}},
        .paths = {"/proc/self/exe", "/proc/self/exe"},
    };
    char path[] = "/tmp/pyro-core-XXXXXX";
    struct pyro_target *target;
    struct pyro_error err;
    int fd = mkstemp(path);

    assert_int_equal(write(fd, &lie, sizeof lie), sizeof lie);
    close(fd);
    assert_int_not_equal(pyro_target_open_core(path, NULL, &target, &err), 0);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_wraps)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
