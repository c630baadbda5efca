/*
 * What the files of this room share: the open process, its mappings, its ELF images, and the
 * generated tables.  Functions shared here but not outside are called target_*.
 */
#ifndef PYRO_TARGET_PRIV_H
#define PYRO_TARGET_PRIV_H

#include "target.h"

struct pyro_target {
    pid_t pid;
    struct pyro_layout layout;
    char version[32];
    uint64_t runtime, interpreter;
    int others; /* interpreters beside the main one, when the threads were listed last */
    uint64_t image_start, image_end;   /* of the executable or library that holds _PyRuntime */
    uint64_t code_type, function_type; /* PyCode_Type, PyFunction_Type; 0: not known yet */
    uint64_t str_type, bytes_type;     /* types last seen to be of that kind; 0: none yet */
    uint64_t name_key;                 /* 3.10: the str "__name__"; 0: not known yet */
    int number_at; /* 3.10: where the C library keeps a thread's number; 0: not known yet */
};

/* ---- remote memory (memory.c) */
int target_read(pid_t pid, uint64_t address, void *to, size_t size);
/* ---- a core file (core.c), for PYRO_CORE_PID */
struct target_maps;
int target_core_read(uint64_t address, void *to, size_t size);
int target_core_maps(struct target_maps *maps);
uint64_t target_core_headers(void);
int target_core_file(const char *path); /* opened, if it is the one that was mapped; else -1 */
void target_core_close(void);
/* Could an object or a struct be here?  Aligned, not in the first page, in the user's half. */
static inline bool target_plausible(uint64_t address)
{
    return address >= 4096 && address < (uint64_t)1 << 56 && (address & 7) == 0;
}
static inline uint64_t target_u64(const uint8_t *bytes)
{
    uint64_t value;
    __builtin_memcpy(&value, bytes, sizeof(value));
    return value;
}
static inline int32_t target_i32(const uint8_t *bytes)
{
    int32_t value;
    __builtin_memcpy(&value, bytes, sizeof(value));
    return value;
}

/* ---- mappings (maps.c) */
struct target_mapping {
    uint64_t start, end, offset, device, inode; /* device: as makedev makes it */
    bool writable;
    const char *path; /* "" if it has none; of the maps' text */
};
struct target_maps {
    char *text;
    struct pyro_vec list; /* of struct target_mapping, by address */
};
int target_maps_read(pid_t pid, struct target_maps *maps, struct pyro_error *err);
void target_maps_release(struct target_maps *maps);
const char *target_maps_name(const struct target_mapping *mapping); /* the path's last part */

/* ---- ELF images in the process's memory (image.c) and in their files (symtab.c) */
struct target_image {
    pid_t pid;
    const struct target_mapping *mapping; /* the one with file offset 0; borrowed */
    uint64_t bias, start, end;
    uint64_t hash, symbols, strings; /* addresses of .gnu.hash, .dynsym, .dynstr; 0: none */
    uint64_t needs[64];              /* offsets in .dynstr of the libraries it needs */
    int needs_count;
    bool is_64;
};
/* PYRO_E_INVALID: there is no ELF image at that mapping. */
int target_image_open(pid_t pid, const struct target_mapping *mapping, struct target_image *image);
/* Address of a dynamic symbol that the image defines; 0: it defines none of that name. */
uint64_t target_image_symbol(const struct target_image *image, const char *name);
/* Does it need a library whose name begins so? */
bool target_image_needs(const struct target_image *image, const char *prefix);
/* The same, from the file's symbol tables, for images without dynamic symbols; "_PyRuntime" is
 * also found by its section. */
uint64_t target_symtab_symbol(const struct target_image *image, bool is_executable,
                              const char *name);
/* The file behind a mapping, read-only, or -1: only the very file that is mapped. */
int target_mapping_file(const struct target_image *image, bool is_executable);

/* ---- versions (version.c) */
#define TARGET_SUPPORTED "Pyrometer reads CPython 3.11 to 3.15"
enum {
    TARGET_FIRST_SUPPORTED = 11, /* 3.10 is not yet: see docs/internals/sampling.md */
    TARGET_LAST_MINOR = 15
};
void target_version_text(uint32_t hex, char out[32]); /* "3.15.0b2" of a PY_VERSION_HEX */
/* 0, or why this version is refused. */
int target_version_check(uint32_t hex, struct pyro_error *err);
/* Of an interpreter that does not tell its version: from its file's strings; 0: not found. */
uint32_t target_version_of_file(const struct target_image *image, bool is_executable);
/* Refuses it; hex may be 0. */
int target_version_refuse_old(const struct target_image *image, uint32_t hex,
                              struct pyro_error *err);

/* ---- layouts (layouts.c is generated; layout.c and offsets.c use it) */
struct layout_group {
    uint16_t at;      /* where _Py_DebugOffsets has the struct's size; 0 ends */
    uint32_t size;    /* of the struct in the headers */
    uint8_t may_move; /* other micro releases of the minor may differ */
};
struct layout_said {
    uint16_t at;    /* where _Py_DebugOffsets has the field's offset; 0 ends */
    uint16_t group; /* where it has the size of the struct that holds it */
    uint16_t width; /* of the field */
    uint16_t field; /* offset of an int in struct pyro_layout */
};
struct layout_entry {
    struct pyro_layout layout;
    uint16_t debug_size, debug_free_threaded; /* 0: the version has no _Py_DebugOffsets */
    struct layout_group groups[12];
    struct layout_said said[40];
};
extern const struct layout_entry target_layouts[];
extern const size_t target_layouts_count;

enum { TARGET_DEBUG_MAX = 2048 }; /* bytes of the largest _Py_DebugOffsets */
/* The table's entry for a version (PY_VERSION_HEX), or NULL. */
const struct layout_entry *target_layout_of(uint32_t hex);
/* Fills the layout from the entry and, from 3.13 on, from the process's own _Py_DebugOffsets
 * (`debug`, entry->debug_size bytes; else NULL).  PYRO_E_UNSUPPORTED: with the sentence. */
int target_layout_fill(const struct layout_entry *entry, uint32_t hex, const uint8_t *debug,
                       struct pyro_layout *out, struct pyro_error *err);
int target_offsets_apply(const struct layout_entry *entry, uint32_t hex, const uint8_t *debug,
                         struct pyro_layout *out, struct pyro_error *err);

/* ---- text (text.c) */
/* Is the type called so?  If *known is not 0 it must be that type, else it becomes it. */
bool target_type_is(const struct pyro_target *t, uint64_t type, const char *name, uint64_t *known);
/* A bytes object's content.  PYRO_E_INVALID: it is none, or longer than max. */
int target_read_bytes(struct pyro_target *t, uint64_t address, size_t max, struct pyro_arena *arena,
                      const uint8_t **bytes, size_t *size);

/* ---- line tables (positions.c) */
struct target_entry {
    unsigned units; /* code units that it is about */
    int64_t line;   /* the running line, also behind entries without one; at first the code's */
    bool has_line;
    int64_t end_line;
    uint32_t column, end_column; /* from 1; 0: not known */
};
/* Reads the entry behind the one given.  False: there is none. */
bool target_positions_next(struct pyro_cursor *cur, struct target_entry *entry);
void target_positions_of(const struct target_entry *entry, struct pyro_position *out);
/* The last line that any instruction has; 0: none has a line. */
uint32_t target_positions_last_line(const uint8_t *table, size_t size, uint32_t first_line);
uint32_t target_pairs_last_line(const struct pyro_code *code); /* 3.10 */

/* ---- 3.10's dicts (qualname.c) */
uint64_t target_index_bytes(uint64_t slots); /* of a table with so many slots */

/* ---- refusals (permission.c) */
int target_fail_obstacle(const struct pyro_obstacles *o, pid_t pid, struct pyro_error *err);
int target_fail_permission(pid_t pid, struct pyro_error *err);
int target_fail_gone(pid_t pid, struct pyro_error *err);

#endif
