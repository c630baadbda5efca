/*
 * Opening a process: finds the interpreter's image among the mappings, learns its version, chooses
 * the layout, and finds the main interpreter.  Cheap enough to be asked again and again while a
 * program starts: a few small reads, and no file is opened unless the program exports nothing.
 * Nothing is kept between calls but what symtab.c says.
 */
#include "target_priv.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

enum {
    INTERPRETERS_MAX = 1 << 12, /* steps to the main interpreter, the last in its list */
    IMAGES_MAX = 256,           /* images looked at */
};

struct finding {
    pid_t pid;
    struct target_maps maps;
    uint64_t headers; /* where the executable's program headers are (AT_PHDR); 0: not known */
    struct target_image image;
    bool is_executable;  /* the image is the executable, not a library */
    uint64_t runtime;    /* address of _PyRuntime in the image */
    bool is_old;         /* the image is an interpreter older than _PyRuntime (3.7) */
    bool awaits_library; /* the executable needs a libpython that is not mapped yet */
    bool is_32;
};

static uint64_t executable_headers(pid_t pid)
{
    uint64_t found = 0;
    char path[64], *bytes;
    size_t size;

    if (pid == PYRO_CORE_PID)
        return target_core_headers();
    snprintf(path, sizeof(path), "/proc/%d/auxv", (int)pid);
    if (pyro_base_read_file(path, 65536, &bytes, &size, NULL))
        return 0;
    for (size_t at = 0; at + 16 <= size && !found; at += 16)
        if (target_u64((const uint8_t *)bytes + at) == AT_PHDR)
            found = target_u64((const uint8_t *)bytes + at + 8);
    free(bytes);
    return found;
}

/* The executable first, then what is called python or libpython, then the rest. */
static int rank_of(const struct finding *f, const struct target_mapping *mapping)
{
    const char *name = target_maps_name(mapping);

    if (f->headers >= mapping->start && f->headers < mapping->end)
        return 0;
    if (strncmp(name, "python", 6) == 0 || strncmp(name, "libpython", 9) == 0)
        return 1;
    return 2;
}

/* Looks for an interpreter in one image.  1: found, 0: none here, or an error code. */
static int look_into(struct finding *f, const struct target_mapping *mapping, int rank)
{
    struct target_image image;
    int rc = target_image_open(f->pid, mapping, &image);

    if (rc == PYRO_E_GONE || rc == PYRO_E_PERMISSION)
        return rc;
    if (rc)
        return 0;
    if (rank == 0)
        f->is_32 = !image.is_64;
    if (!image.is_64)
        return 0;
    f->runtime = target_image_symbol(&image, "_PyRuntime");
    if (!f->runtime && rank < 2) {
        f->is_old = target_image_symbol(&image, "PyEval_EvalFrameEx") != 0 &&
                    target_image_symbol(&image, "Py_Main") != 0;
        if (!f->is_old && target_image_needs(&image, "libpython"))
            f->awaits_library = true;
        else if (!f->is_old)
            f->runtime = target_symtab_symbol(&image, rank == 0, "_PyRuntime");
    }
    if (!f->runtime && !f->is_old)
        return 0;
    f->image = image;
    f->is_executable = rank == 0;
    return 1;
}

static int find_image(struct finding *f)
{
    int looked = 0;

    for (int rank = 0; rank < 3; rank++) {
        if (rank == 2 && f->awaits_library)
            break;
        for (size_t i = 0; i < f->maps.list.len; i++) {
            const struct target_mapping *mapping = pyro_base_vec_at(&f->maps.list, i);
            int rc;

            if (mapping->offset != 0 || mapping->inode == 0 || rank_of(f, mapping) != rank)
                continue;
            if (++looked > IMAGES_MAX)
                return 0;
            rc = look_into(f, mapping, rank);
            if (rc)
                return rc;
        }
    }
    return 0;
}

static int fail_not_python(const struct finding *f, struct pyro_error *err)
{
    struct pyro_proc_stat stat = {.comm = "?"};
    char comm[sizeof(stat.comm)];
    size_t i;

    for (i = 0; i < f->maps.list.len; i++) {
        const struct target_mapping *mapping = pyro_base_vec_at(&f->maps.list, i);

        if (strstr(target_maps_name(mapping), "pypy"))
            return pyro_base_fail(
                err, PYRO_E_NOT_PYTHON,
                "Process %d runs PyPy, which is not supported: " TARGET_SUPPORTED ".", (int)f->pid);
    }
    if (pyro_target_proc_stat(f->pid, 0, &stat) || stat.state == 'Z' || stat.state == 'X')
        return target_fail_gone(f->pid, err);
    for (i = 0; stat.comm[i]; i++) /* it is the program's to choose */
        comm[i] = stat.comm[i] >= ' ' && stat.comm[i] < 127 ? stat.comm[i] : '?';
    comm[i] = 0;
    return pyro_base_fail(err, PYRO_E_NOT_PYTHON,
                          f->is_32 ? "Process %d (%s) is a 32-bit program, which is not supported."
                                   : "Process %d (%s) is not a Python program: no CPython "
                                     "interpreter is in it.",
                          (int)f->pid, comm);
}

/* While the loader is still at work a library's last segment, its data, may not be in place. */
static bool is_in_place(const struct finding *f)
{
    for (size_t i = 0; i < f->maps.list.len; i++) {
        const struct target_mapping *mapping = pyro_base_vec_at(&f->maps.list, i);

        if (f->runtime >= mapping->start && f->runtime < mapping->end)
            return mapping->writable;
    }
    return false;
}

static uint64_t symbol(const struct finding *f, const char *name)
{
    uint64_t address = target_image_symbol(&f->image, name);

    return address ? address : target_symtab_symbol(&f->image, f->is_executable, name);
}

static int not_ready(pid_t pid, struct pyro_error *err)
{
    return pyro_base_fail(err, PYRO_E_NOT_READY,
                          "The interpreter in process %d is not initialised (yet).", (int)pid);
}

/* Fills version and layout. */
static int learn_version(struct pyro_target *t, const struct finding *f, struct pyro_error *err)
{
    uint8_t debug[TARGET_DEBUG_MAX];
    uint64_t at = symbol(f, "Py_Version"), hex = 0;
    const struct layout_entry *entry;
    bool has_debug;

    if ((at && target_read(t->pid, at, &hex, sizeof(hex))) ||
        target_read(t->pid, t->runtime, debug, 24))
        return not_ready(t->pid, err);
    has_debug = memcmp(debug, "xdebugpy", 8) == 0;
    if (!at && has_debug)
        hex = target_u64(debug + 8);
    else if (!at) /* 3.10 and older, and stripped ones that export nothing */
        hex = target_version_of_file(&f->image, f->is_executable);
    if (!at && hex < (3u << 24 | TARGET_FIRST_SUPPORTED << 16))
        return target_version_refuse_old(&f->image, (uint32_t)hex, err);
    if (hex > UINT32_MAX || (has_debug && hex != target_u64(debug + 8)))
        return pyro_base_fail(err, PYRO_E_UNSUPPORTED,
                              "The Python in process %d contradicts itself about its version.",
                              (int)t->pid);
    target_version_text((uint32_t)hex, t->version);
    if (target_version_check((uint32_t)hex, err))
        return PYRO_E_VERSION;
    entry = target_layout_of((uint32_t)hex);
    if (!entry)
        return pyro_base_fail(err, PYRO_E_VERSION, "Python %s is not known.", t->version);
    if (!entry->debug_size)
        return target_layout_fill(entry, (uint32_t)hex, NULL, &t->layout, err);
    if (entry->debug_size > sizeof(debug) ||
        target_read(t->pid, t->runtime, debug, entry->debug_size))
        return not_ready(t->pid, err);
    if (!has_debug)
        return pyro_base_fail(err, PYRO_E_UNSUPPORTED,
                              "This Python %s does not describe its structs (_Py_DebugOffsets is "
                              "missing), so it cannot be read.",
                              t->version);
    if (target_u64(debug + entry->debug_free_threaded))
        return pyro_base_fail(err, PYRO_E_UNSUPPORTED,
                              "This Python %s is a free-threaded build (3.%ut), which is not "
                              "supported yet: use the ordinary build.",
                              t->version, (unsigned)hex >> 16 & 255);
    return target_layout_fill(entry, (uint32_t)hex, debug, &t->layout, err);
}

/* The interpreter with id 0, checked by its newest thread's pointer back to it. */
static int find_interpreter(struct pyro_target *t, struct pyro_error *err)
{
    const struct pyro_layout *l = &t->layout;
    uint64_t at, thread, back;
    int32_t initialised;
    int64_t id = -1;

    if (target_read(t->pid, t->runtime + l->runtime_initialized, &initialised, 4) || !initialised ||
        pyro_target_read_u64(t, t->runtime + l->runtime_interpreters_head, &at))
        return not_ready(t->pid, err);
    for (int i = 0; i < INTERPRETERS_MAX; i++) {
        if (!target_plausible(at) || target_read(t->pid, at + l->interp_id, &id, 8))
            return not_ready(t->pid, err);
        if (id == 0)
            break;
        if (pyro_target_read_u64(t, at + l->interp_next, &at))
            return not_ready(t->pid, err);
    }
    if (id != 0)
        return pyro_base_fail(err, PYRO_E_UNSUPPORTED,
                              "The interpreters of process %d cannot be read: their list does not "
                              "end within %d.",
                              (int)t->pid, INTERPRETERS_MAX);
    t->interpreter = at;
    /* The list's head may change between the two reads; three times in a row it does not. */
    for (int attempt = 0; attempt < 3; attempt++) {
        if (pyro_target_read_u64(t, at + l->interp_threads_head, &thread) || thread == 0)
            return not_ready(t->pid, err);
        if (target_plausible(thread) &&
            pyro_target_read_u64(t, thread + l->thread_interp, &back) == 0 && back == at)
            return 0;
    }
    return pyro_base_fail(err, PYRO_E_UNSUPPORTED,
                          "This Python %s has other struct layouts than those known of its "
                          "version: its threads were not found where they should be.",
                          t->version);
}

static int open_found(const struct finding *f, struct pyro_target *t, struct pyro_error *err)
{
    int rc;

    t->pid = f->pid;
    t->runtime = f->runtime;
    t->image_start = f->image.start;
    t->image_end = f->image.end;
    if (!is_in_place(f))
        return not_ready(f->pid, err);
    rc = learn_version(t, f, err);
    if (rc)
        return rc;
    if (target_image_symbol(&f->image, "_Py_NegativeRefcount"))
        return pyro_base_fail(err, PYRO_E_UNSUPPORTED,
                              "This Python %s is a debug build (--with-pydebug), whose structs "
                              "differ: use a release build.",
                              t->version);
    rc = find_interpreter(t, err);
    if (rc)
        return rc;
    t->code_type = symbol(f, "PyCode_Type");
    t->function_type = symbol(f, "PyFunction_Type");
    return 0;
}

int pyro_target_open(pid_t pid, struct pyro_target **out, struct pyro_error *err)
{
    struct finding f = {.pid = pid};
    struct pyro_target *t = NULL;
    int rc;

    *out = NULL;
    if (pid <= 0 && pid != PYRO_CORE_PID)
        return pyro_base_fail(err, PYRO_E_INVALID, "%d is not the number of a process.", (int)pid);
    rc = target_maps_read(pid, &f.maps, err);
    if (rc)
        return rc;
    f.headers = executable_headers(pid);
    rc = find_image(&f);
    if (rc == PYRO_E_PERMISSION)
        target_fail_permission(pid, err);
    else if (rc == PYRO_E_GONE)
        target_fail_gone(pid, err);
    else if (rc == 0 && f.awaits_library)
        rc = not_ready(pid, err);
    else if (rc == 0)
        rc = fail_not_python(&f, err);
    else if (f.is_old)
        rc = target_version_refuse_old(&f.image, target_version_of_file(&f.image, f.is_executable),
                                       err);
    else if ((t = calloc(1, sizeof(*t))) == NULL)
        rc = pyro_base_fail(err, PYRO_E_NOMEM, "Out of memory.");
    else
        rc = open_found(&f, t, err);
    target_maps_release(&f.maps);
    if (rc)
        free(t);
    else
        *out = t;
    return rc;
}

void pyro_target_close(struct pyro_target *t)
{
    if (t != NULL && t->pid == PYRO_CORE_PID)
        target_core_close();
    free(t);
}

pid_t pyro_target_pid(const struct pyro_target *t)
{
    return t->pid;
}

const struct pyro_layout *pyro_target_layout(const struct pyro_target *t)
{
    return &t->layout;
}

const char *pyro_target_version(const struct pyro_target *t)
{
    return t->version;
}

uint64_t pyro_target_runtime(const struct pyro_target *t)
{
    return t->runtime;
}

uint64_t pyro_target_interpreter(const struct pyro_target *t)
{
    return t->interpreter;
}

bool pyro_target_has_others(const struct pyro_target *t)
{
    return t->others > 0;
}

uint64_t pyro_target_gil(const struct pyro_target *t, uint64_t interpreter)
{
    const struct pyro_layout *l = &t->layout;
    uint64_t gil;

    if (l->runtime_gil >= 0)
        return t->runtime + (uint64_t)l->runtime_gil;
    if (pyro_target_read_u64(t, interpreter + (uint64_t)l->interp_gil, &gil))
        return 0;
    return target_plausible(gil) ? gil : 0;
}

uint64_t pyro_target_image(const struct pyro_target *t)
{
    return t->image_start;
}

bool pyro_target_is_static(const struct pyro_target *t, uint64_t address)
{
    return address >= t->image_start && address < t->image_end;
}
