/*
 * Symbols from the file behind an image: its .dynsym and .symtab, and the section .PyRuntime.  The
 * second way, for static executables and those that export nothing.  Only the very file that is
 * mapped is read (same device and inode, or handed over by the kernel itself); a file that libelf
 * cannot read has no symbols.
 */
#include "target_priv.h"

#include <fcntl.h>
#include <gelf.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 4200 };

/* The file at the path, if it is the one mapped. */
static int open_same(const char *path, const struct target_mapping *mapping)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd >= 0 && (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_ino != mapping->inode ||
                    st.st_dev != mapping->device)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

int target_mapping_file(const struct target_image *image, bool is_executable)
{
    const struct target_mapping *mapping = image->mapping;
    char path[PATH_SIZE];
    int fd;

    if (is_executable)
        snprintf(path, sizeof(path), "/proc/%d/exe", (int)image->pid);
    else
        snprintf(path, sizeof(path), "/proc/%d/map_files/%llx-%llx", (int)image->pid,
                 (unsigned long long)mapping->start, (unsigned long long)mapping->end);
    if (image->pid == PYRO_CORE_PID)
        return target_core_file(mapping->path);
    /* Both are the kernel's own handles on the file; no name is looked up. */
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0)
        return fd;
    fd = open_same(mapping->path, mapping);
    if (fd >= 0)
        return fd;
    if (snprintf(path, sizeof(path), "/proc/%d/root%s", (int)image->pid, mapping->path) >=
        (int)sizeof(path))
        return -1;
    return open_same(path, mapping);
}

static uint64_t value_in_table(Elf *elf, Elf_Scn *section, const Elf64_Shdr *header,
                               const char *name)
{
    Elf_Data *data = elf_getdata(section, NULL);
    const Elf64_Sym *symbols = data ? data->d_buf : NULL;
    size_t count = symbols ? data->d_size / sizeof(Elf64_Sym) : 0;

    for (size_t i = 0; i < count; i++) {
        const char *found;

        if (symbols[i].st_shndx == SHN_UNDEF || symbols[i].st_value == 0 ||
            ELF64_ST_TYPE(symbols[i].st_info) != STT_OBJECT)
            continue;
        found = elf_strptr(elf, header->sh_link, symbols[i].st_name);
        if (found && strcmp(found, name) == 0)
            return symbols[i].st_value;
    }
    return 0;
}

/* The symbol's value as linked, before the load bias; 0: none. */
static uint64_t linked_value(Elf *elf, const char *name)
{
    uint64_t in_section = 0, value = 0;
    size_t names = 0;

    if (elf_kind(elf) != ELF_K_ELF || gelf_getclass(elf) != ELFCLASS64 ||
        elf_getshdrstrndx(elf, &names))
        return 0;
    for (Elf_Scn *section = NULL; !value && (section = elf_nextscn(elf, section));) {
        const Elf64_Shdr *header = elf64_getshdr(section);
        const char *title = header ? elf_strptr(elf, names, header->sh_name) : NULL;

        if (!header)
            continue;
        if (header->sh_type == SHT_SYMTAB || header->sh_type == SHT_DYNSYM)
            value = value_in_table(elf, section, header, name);
        else if (title && strcmp(title, ".PyRuntime") == 0 && strcmp(name, "_PyRuntime") == 0)
            in_section = header->sh_addr;
    }
    return value ? value : in_section;
}

/* The last file without a _PyRuntime: while a program starts it is asked again and again. */
static _Thread_local struct {
    dev_t device;
    ino_t inode;
    struct timespec changed;
} barren;

uint64_t target_symtab_symbol(const struct target_image *image, bool is_executable,
                              const char *name)
{
    bool is_runtime = strcmp(name, "_PyRuntime") == 0;
    int fd = target_mapping_file(image, is_executable);
    uint64_t value = 0;
    struct stat st;
    Elf *elf;

    if (fd < 0)
        return 0;
    if (fstat(fd, &st) || (st.st_dev == barren.device && st.st_ino == barren.inode &&
                           st.st_ctim.tv_sec == barren.changed.tv_sec &&
                           st.st_ctim.tv_nsec == barren.changed.tv_nsec)) {
        close(fd);
        return 0;
    }
    elf_version(EV_CURRENT);
    elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
    if (elf) {
        value = linked_value(elf, name);
        elf_end(elf);
    }
    close(fd);
    if (!value && is_runtime) {
        barren.device = st.st_dev;
        barren.inode = st.st_ino;
        barren.changed = st.st_ctim;
    }
    return value ? value + image->bias : 0;
}
