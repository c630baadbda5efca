/*
 * core: the memory of a process that is no more, from its core file.  What the kernel left out,
 * pages of files that the program had mapped and never written, is read from those files, which
 * have to be the ones that were mapped: their build id is compared where the core has it.  One core
 * file is open at a time; its process is called PYRO_CORE_PID, so that all that reads a process's
 * memory reads this one's as well.
 */
#include "target_priv.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/procfs.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FILES_MOST = 1 << 16,
    SEGMENTS_MOST = 1 << 20,
    BUILD_ID_MOST = 64,
    NOTES_MOST = 4096,
    HEAD = 4096
};

struct piece {                 /* of the memory */
    uint64_t start, end, held; /* up to `held` it is in the core file, from `at` on */
    uint64_t at;
    bool writable;
};

struct mapped { /* a part of a file */
    uint64_t start, end, offset;
    const char *path;
    int fd; /* -1: not there, or another by now */
    bool tried;
};

static struct {
    const uint8_t *bytes;
    size_t size;
    struct piece *pieces;
    size_t piece_count;
    struct mapped *files;
    size_t file_count;
    uint64_t headers; /* of the executable: AT_PHDR */
    pid_t pid, ppid;
    char words[ELF_PRARGSZ + 1];
    const char *root;    /* of the files; "": ours */
    const char *missing; /* a file that was needed and is not there */
} core;

/* ---- reading memory */

static bool in_file(uint64_t at, uint64_t size)
{
    return at <= core.size && size <= core.size - at;
}

static const struct piece *piece_at(uint64_t address)
{
    size_t low = 0, high = core.piece_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (address < core.pieces[middle].start)
            high = middle;
        else if (address >= core.pieces[middle].end)
            low = middle + 1;
        else
            return &core.pieces[middle];
    }
    return NULL;
}

/* The build id in the bytes of an ELF image's beginning, or in a file; its size, 0: there is none.
 */
static size_t build_id(const uint8_t *head, size_t size, int fd, uint8_t id[BUILD_ID_MOST])
{
    const Elf64_Ehdr *elf = (const Elf64_Ehdr *)head;
    if (size < sizeof *elf || memcmp(elf->e_ident, ELFMAG, SELFMAG) != 0 || elf->e_phoff > size ||
        elf->e_phoff % 8 != 0 || elf->e_phentsize != sizeof(Elf64_Phdr) ||
        elf->e_phnum > (size - elf->e_phoff) / sizeof(Elf64_Phdr))
        return 0;
    const Elf64_Phdr *segment = (const Elf64_Phdr *)(head + elf->e_phoff);
    for (int i = 0; i < elf->e_phnum; i++) {
        uint8_t notes[NOTES_MOST] __attribute__((aligned(8)));
        uint64_t at = segment[i].p_offset, length = segment[i].p_filesz;
        if (segment[i].p_type != PT_NOTE || length > sizeof notes)
            continue;
        if (fd < 0 && (at > size || length > size - at))
            continue;
        if (fd < 0)
            memcpy(notes, head + at, length);
        else if (pread(fd, notes, length, (off_t)at) != (ssize_t)length)
            continue;
        for (uint64_t k = 0; k + sizeof(Elf64_Nhdr) <= length;) {
            const Elf64_Nhdr *note = (const Elf64_Nhdr *)(notes + k);
            uint64_t name = k + sizeof *note, text = name + ((note->n_namesz + 3u) & ~3u);
            if (text + note->n_descsz > length)
                break;
            if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 &&
                memcmp(notes + name, "GNU", 4) == 0 && note->n_descsz <= BUILD_ID_MOST) {
                memcpy(id, notes + text, note->n_descsz);
                return note->n_descsz;
            }
            k = text + ((note->n_descsz + 3u) & ~3u);
        }
    }
    return 0;
}

/* Is the file the one that was mapped?  Where the core does not say, it is taken for it. */
static bool is_same(const char *path, int fd)
{
    uint8_t head[HEAD] __attribute__((aligned(8))), mine[BUILD_ID_MOST], its[BUILD_ID_MOST];
    for (size_t i = 0; i < core.file_count; i++) {
        const struct mapped *first = &core.files[i];
        const struct piece *piece = piece_at(first->start);
        if (first->offset != 0 || strcmp(first->path, path) != 0 || piece == NULL ||
            piece->held < first->start || piece->held - first->start < HEAD)
            continue;
        memcpy(head, core.bytes + piece->at + (first->start - piece->start), HEAD);
        size_t was = build_id(head, HEAD, -1, mine);
        ssize_t got = pread(fd, head, sizeof head, 0);
        size_t is = got < 0 ? 0 : build_id(head, (size_t)got, fd, its);
        return was == 0 || (was == is && memcmp(mine, its, is) == 0);
    }
    return true;
}

int target_core_file(const char *path)
{
    char full[8192];
    if (snprintf(full, sizeof full, "%s%s", core.root, path) >= (int)sizeof full)
        return -1;
    int fd = open(full, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0 && !is_same(path, fd)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static struct mapped *file_at(uint64_t address)
{
    for (size_t i = 0; i < core.file_count; i++) {
        struct mapped *file = &core.files[i];
        if (address < file->start || address >= file->end)
            continue;
        if (!file->tried) {
            file->tried = true;
            file->fd = target_core_file(file->path);
        }
        if (file->fd < 0 && core.missing == NULL)
            core.missing = file->path;
        return file->fd < 0 ? NULL : file;
    }
    return NULL;
}

int target_core_read(uint64_t address, void *to, size_t size)
{
    uint8_t *out = to;
    while (size > 0) {
        const struct piece *piece = piece_at(address);
        const struct mapped *file;
        size_t part;
        if (piece != NULL && address < piece->held) {
            part = piece->held - address < size ? piece->held - address : size;
            memcpy(out, core.bytes + piece->at + (address - piece->start), part);
        } else if ((file = file_at(address)) != NULL) {
            part = file->end - address < size ? file->end - address : size;
            ssize_t got =
                pread(file->fd, out, part, (off_t)(file->offset + (address - file->start)));
            if (got <= 0)
                return PYRO_E_IO;
            part = (size_t)got;
        } else {
            return PYRO_E_IO;
        }
        out += part;
        address += part;
        size -= part;
    }
    return 0;
}

/* ---- what the kernel noted */

static uint64_t u64_at(uint64_t at)
{
    return target_u64(core.bytes + at);
}

/* NT_FILE: count, page size; start, end, offset in pages of each; then the paths. */
static void take_files(uint64_t at, uint64_t size)
{
    if (size < 16)
        return;
    uint64_t count = u64_at(at), page = u64_at(at + 8), path = at + 16 + 24 * count;
    if (count > FILES_MOST || core.files != NULL || size < 16 + 24 * count)
        return;
    core.files = calloc(count + 1, sizeof *core.files);
    for (uint64_t i = 0; i < count && core.files != NULL; i++) {
        const uint8_t *end = memchr(core.bytes + path, 0, at + size - path);
        if (end == NULL)
            break;
        uint64_t row = at + 16 + 24 * i;
        core.files[core.file_count++] = (struct mapped){u64_at(row),
                                                        u64_at(row + 8),
                                                        u64_at(row + 16) * page,
                                                        (const char *)core.bytes + path,
                                                        -1,
                                                        false};
        path = (uint64_t)(end - core.bytes) + 1;
    }
}

static void take_auxv(uint64_t at, uint64_t size)
{
    for (uint64_t i = 0; i + 16 <= size; i += 16)
        if (u64_at(at + i) == AT_PHDR)
            core.headers = u64_at(at + i + 8);
}

static void take_process(uint64_t at, uint64_t size)
{
    struct elf_prpsinfo info;
    if (size < sizeof info)
        return;
    memcpy(&info, core.bytes + at, sizeof info);
    core.pid = info.pr_pid;
    core.ppid = info.pr_ppid;
    memcpy(core.words, info.pr_psargs, ELF_PRARGSZ);
    for (size_t end = strlen(core.words); end > 0 && core.words[end - 1] == ' ';)
        core.words[--end] = '\0';
}

static void take_notes(uint64_t at, uint64_t size)
{
    uint64_t end = at + size;
    while (at + sizeof(Elf64_Nhdr) <= end) {
        Elf64_Nhdr note;
        memcpy(&note, core.bytes + at, sizeof note);
        uint64_t text = at + sizeof note + ((note.n_namesz + UINT64_C(3)) & ~UINT64_C(3));
        if (text > end || note.n_descsz > end - text)
            return;
        if (note.n_type == NT_FILE)
            take_files(text, note.n_descsz);
        else if (note.n_type == NT_AUXV)
            take_auxv(text, note.n_descsz);
        else if (note.n_type == NT_PRPSINFO)
            take_process(text, note.n_descsz);
        at = text + ((note.n_descsz + UINT64_C(3)) & ~UINT64_C(3));
    }
}

/* ---- opening */

static int by_start(const void *a, const void *b)
{
    const struct piece *x = a, *y = b;
    return x->start < y->start ? -1 : x->start > y->start;
}

static bool take_segments(void)
{
    Elf64_Ehdr elf;
    if (core.size < sizeof elf)
        return false;
    memcpy(&elf, core.bytes, sizeof elf);
    uint64_t count = elf.e_phnum;
    if (memcmp(elf.e_ident, ELFMAG, SELFMAG) != 0 || elf.e_ident[EI_CLASS] != ELFCLASS64 ||
        elf.e_ident[EI_DATA] != ELFDATA2LSB || elf.e_type != ET_CORE ||
        elf.e_phentsize != sizeof(Elf64_Phdr))
        return false;
    if (count == PN_XNUM && in_file(elf.e_shoff, sizeof(Elf64_Shdr))) { /* more than fit there */
        Elf64_Shdr first;
        memcpy(&first, core.bytes + elf.e_shoff, sizeof first);
        count = first.sh_info;
    }
    if (count > SEGMENTS_MOST || !in_file(elf.e_phoff, count * sizeof(Elf64_Phdr)))
        return false;
    core.pieces = calloc(count + 1, sizeof *core.pieces);
    if (core.pieces == NULL)
        return false;
    for (uint64_t i = 0; i < count; i++) {
        Elf64_Phdr segment;
        memcpy(&segment, core.bytes + elf.e_phoff + i * sizeof segment, sizeof segment);
        uint64_t held = segment.p_filesz; /* less than told, if the file was cut */
        if (segment.p_offset > core.size)
            held = 0;
        else if (held > core.size - segment.p_offset)
            held = core.size - segment.p_offset;
        if (segment.p_type == PT_NOTE)
            take_notes(segment.p_offset < core.size ? segment.p_offset : core.size, held);
        if (segment.p_type != PT_LOAD || segment.p_memsz == 0 ||
            segment.p_vaddr + segment.p_memsz < segment.p_vaddr)
            continue;
        if (held > segment.p_memsz)
            held = segment.p_memsz;
        core.pieces[core.piece_count++] =
            (struct piece){segment.p_vaddr, segment.p_vaddr + segment.p_memsz,
                           segment.p_vaddr + held, segment.p_offset, (segment.p_flags & PF_W) != 0};
    }
    if (core.piece_count > 1)
        qsort(core.pieces, core.piece_count, sizeof *core.pieces, by_start);
    return true;
}

int pyro_target_open_core(const char *path, const char *root, struct pyro_target **out,
                          struct pyro_error *err)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    *out = NULL;
    if (fd < 0)
        return pyro_base_fail(err, errno == ENOENT ? PYRO_E_NOT_FOUND : PYRO_E_IO,
                              "%s cannot be opened: %s.", path, strerror(errno));
    target_core_close();
    core.root = root != NULL ? root : "";
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
        core.size = (size_t)st.st_size;
        void *bytes = mmap(NULL, core.size, PROT_READ, MAP_PRIVATE, fd, 0);
        core.bytes = bytes == MAP_FAILED ? NULL : bytes;
    }
    close(fd);
    if (core.bytes == NULL || !take_segments()) {
        target_core_close();
        return pyro_base_fail(err, PYRO_E_FORMAT, "%s is not a core file of a 64-bit program.",
                              path);
    }
    int rc = pyro_target_open(PYRO_CORE_PID, out, err);
    if (rc != 0 && core.missing != NULL)
        rc = pyro_base_fail(err, rc,
                            "The core file %s needs %s%s, which is not here or not the same any "
                            "more: what a program maps and never writes is not in its core file. "
                            "If the program had another root folder, name it with --root.",
                            path, core.root, core.missing);
    if (rc != 0)
        target_core_close();
    return rc;
}

void target_core_close(void)
{
    if (core.bytes != NULL)
        munmap((void *)(uintptr_t)core.bytes, core.size);
    for (size_t i = 0; i < core.file_count; i++)
        if (core.files[i].fd >= 0)
            close(core.files[i].fd);
    free(core.pieces);
    free(core.files);
    memset(&core, 0, sizeof core);
}

int target_core_maps(struct target_maps *maps)
{
    for (size_t i = 0; i < core.file_count; i++) {
        const struct mapped *file = &core.files[i];
        const struct piece *piece = piece_at(file->start);
        struct target_mapping *slot = pyro_base_vec_push(&maps->list);
        if (slot == NULL)
            return PYRO_E_NOMEM;
        *slot = (struct target_mapping){file->start, file->end, file->offset,
                                        0,           1,         piece != NULL && piece->writable,
                                        file->path};
    }
    for (size_t i = 0; i < core.piece_count; i++) { /* those of no file */
        const struct piece *piece = &core.pieces[i];
        struct target_mapping *slot = pyro_base_vec_push(&maps->list);
        if (slot == NULL)
            return PYRO_E_NOMEM;
        *slot = (struct target_mapping){piece->start, piece->end, 0, 0, 0, piece->writable, ""};
    }
    return 0;
}

uint64_t target_core_headers(void)
{
    return core.headers;
}

void pyro_target_core_process(pid_t *pid, pid_t *ppid, const char **words)
{
    *pid = core.pid;
    *ppid = core.ppid;
    *words = core.words;
}
