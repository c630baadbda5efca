/*
 * target: a CPython process seen from outside.  Finds the interpreter in the process's mappings,
 * knows each version's layouts, reads remote memory, code objects and the list of threads.  It
 * never writes into the process and never stops it.  Remote memory is untrusted: each value is
 * checked against named bounds before use.  Used by one thread.
 */
#ifndef PYRO_TARGET_H
#define PYRO_TARGET_H

#include "base.h"

#include <sys/types.h>

/* Where the fields are in one version's structs, in bytes.  -1: that version has none.
 * 3.10 to 3.12: wholly from the table generated from the headers (tools/layouts).
 * 3.13 on: the same table, then overwritten by what the process's own _Py_DebugOffsets says,
 * which is checked once. */
struct pyro_layout {
    int version; /* PY_VERSION_HEX >> 16, such as 0x030d */
    int runtime_interpreters_head, runtime_initialized;
    int interp_next, interp_id, interp_threads_head, interp_code_generation;
    int interp_gil, runtime_gil; /* the GIL's address (3.12 on), the GIL itself (3.11) */
    int gil_holder, gil_locked;  /* the last one's thread state; 1: it has it still */
    int gil_switches;            /* how often it went from one thread to another */
    int interp_gc, gc_collecting;
    int thread_size; /* bytes from 0 that hold every thread field below */
    int thread_prev, thread_next, thread_interp, thread_native_id, thread_id, thread_current_frame,
        thread_cframe;
    int thread_frame;                 /* 3.10, whose frames are objects: the topmost */
    int thread_trace, thread_profile; /* 3.10: not 0 if it is traced */
    int cframe_current_frame;         /* 3.11, 3.12 */
    int thread_chunk, thread_chunk_top;
    int chunk_previous, chunk_size, chunk_top, chunk_data;
    int frame_previous, frame_executable, frame_ip, frame_function, frame_owner, frame_stacktop,
        frame_stackpointer, frame_return_offset, frame_locals, frame_specials;
    int frame_is_entry; /* 3.11: a byte that says that a C function called it */
    int owner_thread, owner_generator, owner_frame_object, owner_cstack; /* values of frame_owner */
    int code_framesize, code_stacksize, code_nlocalsplus, code_filename, code_name, code_qualname,
        code_linetable, code_firstlineno, code_adaptive, code_flags;
    int code_names, code_kinds; /* of its variables */
    /* 3.10: the bytecode, a bytes object; constants; how many locals, and the names of cells */
    int code_bytes, code_consts, code_nlocals, code_cells, code_frees;
    int frame_globals, frame_lasti, frame_state; /* 3.10 */
    int type_dict, type_mro, type_dict_offset, keys_size, method_function, function_closure,
        function_dict; /* 3.10 */
    int code_version;  /* 3.12 on: a number given to each new code object */
    int function_code, function_module, function_qualname;
    int generator_frame, generator_state; /* offset of gi_iframe, gi_frame_state in the object */
    int state_executing;                  /* value of gi_frame_state while it runs */
    int object_type, object_size, var_size;
    int type_name, type_flags, type_cached_keys;
    int keys_index_bytes, keys_count,
        keys_indices;               /* of a dict's keys: log2, entries, end of head */
    int values_valid, values_first; /* of an object's own values; 3.13 on: a byte that says so */
    int unicode_length, unicode_state, unicode_ascii_data, unicode_compact_data;
    int unicode_kind, unicode_compact, unicode_ascii; /* numbers of bits in the state's 32 */
    int bytes_data;
    int long_digits, float_value, complex_value, bytearray_start;
    int cell_value, tuple_items, list_items;
    int dict_used, dict_keys, dict_values, keys_kind;
    int set_used, set_mask, set_table;
    int tag_mask;     /* low bits of a stack reference that are not the address */
    int op_return[6]; /* opcodes that leave a frame by returning, the second into a generator's
                       * object; -1 ends */
    /* a bit for each opcode that can push a function's frame, ... */
    uint32_t op_calls[8];
    uint32_t op_resumes[8]; /* ... or that of a generator */
    uint32_t
        op_quiet[8]; /* the same of those during which nothing else runs; none in 3.11 and 3.12 */
};

/* 3.10: frames are objects on the heap, each with a link to its caller, and not on a stack. */
static inline bool pyro_layout_is_linked(const struct pyro_layout *layout)
{
    return layout->version < 0x030b;
}

struct iovec;
struct pyro_target;

/* PYRO_E_NOT_READY: the process has not (yet) an initialised interpreter: call again later (cheap).
 * It opens as soon as the core is initialised, before `site` is imported.
 * PYRO_E_NOT_PYTHON: what runs there has no CPython in it (it may still exec one).
 * PYRO_E_VERSION / _UNSUPPORTED: a version or build that is refused, with the sentence.
 * PYRO_E_PERMISSION: with the setting that stands in the way and what grants it.  PYRO_E_GONE. */
int pyro_target_open(pid_t pid, struct pyro_target **out, struct pyro_error *err);
/* The same of a process that is no more, from its core file; one at a time.  root: the folder in
 * which its files are (borrowed; NULL: ours).  PYRO_E_NOT_FOUND, _IO,
 * _FORMAT: it is none. */
int pyro_target_open_core(const char *path, const char *root, struct pyro_target **out,
                          struct pyro_error *err);
#define PYRO_CORE_PID (-2) /* what its process is called here */
/* What the process was: its number and its parent's there, and the first 80 bytes of its words. */
void pyro_target_core_process(pid_t *pid, pid_t *ppid, const char **words);
void pyro_target_close(struct pyro_target *t);

pid_t pyro_target_pid(const struct pyro_target *t);
const struct pyro_layout *pyro_target_layout(const struct pyro_target *t);
const char *pyro_target_version(const struct pyro_target *t); /* "3.13.0", "3.15.0b2" */
uint64_t pyro_target_runtime(const struct pyro_target *t);    /* address of _PyRuntime */
uint64_t pyro_target_image(const struct pyro_target *t);      /* where the interpreter begins */
/* Is the address within the mapped image of the interpreter (so: a static object)? */
bool pyro_target_is_static(const struct pyro_target *t, uint64_t address);

/* ---- remote memory */
/* All or PYRO_E_IO / PYRO_E_GONE / PYRO_E_PERMISSION. */
int pyro_target_read(const struct pyro_target *t, uint64_t address, void *to, size_t size);
int pyro_target_read_u64(const struct pyro_target *t, uint64_t address, uint64_t *out);
/* As process_vm_readv does, into one place: bytes read, less than asked for where the first piece
 * is that cannot be read whole, or -1 with errno. */
ssize_t pyro_target_readv(const struct pyro_target *t, void *to, size_t size,
                          const struct iovec *pieces, size_t count);

/* ---- interpreters */
/* Addresses of PyThreadStates of all interpreters, the main one's last, of each the newest first;
 * at most max.  Number found, or an error code. */
int pyro_target_threads(struct pyro_target *t, uint64_t *out, int max);
uint64_t pyro_target_interpreter(const struct pyro_target *t); /* the main one */
/* Were there others when pyro_target_threads was asked last? */
bool pyro_target_has_others(const struct pyro_target *t);
/* The thread's number in its process's own namespace, or 0: it has not begun. */
int pyro_target_thread_number(struct pyro_target *t, uint64_t state, uint64_t *out);
/* Where an interpreter's GIL is; 0: it cannot be known. */
uint64_t pyro_target_gil(const struct pyro_target *t, uint64_t interpreter);

/* ---- code objects */
#define PYRO_CODE_SIZE_MAX (32 << 20) /* bytes of bytecode that are believed */

struct pyro_code {
    uint64_t address;
    int frame_bytes; /* size of a frame of it on the data stack */
    int nlocalsplus;
    int size;                       /* bytes of bytecode */
    uint32_t first_line, last_line; /* last_line: 0 if no instruction has a line */
    uint32_t version;               /* of the code object; 0: it has none */
    uint64_t table_hash;
    /* what is compared to see that the object at this address is still the same one */
    uint64_t filename_at, name_at, qualname_at, linetable_at, bytecode_at;
    bool has_pairs;          /* 3.10: the line table is pairs of steps */
    bool hidden;             /* an interpreter's own trampoline: no function of the program */
    const uint8_t *bytecode; /* owned by the arena given */
    /* owned by the arena, UTF-8; surrogates as the six characters \udcXX */
    const char *file, *name, *qualname;
    size_t file_size, name_size, qualname_size;
    const uint8_t *linetable;
    size_t linetable_size;
};
/* Reads the code object at the address.  PYRO_E_INVALID: it is not one (with bounds checked). */
int pyro_target_read_code(struct pyro_target *t, uint64_t address, struct pyro_arena *arena,
                          struct pyro_code *out);
/* The bytes of a code object that say whether it is still the same: one small read. */
size_t pyro_target_code_check_size(const struct pyro_target *t);
bool pyro_target_code_check(const struct pyro_target *t, const struct pyro_code *code,
                            const uint8_t *bytes /* code_check_size bytes from its address */);
/* The pieces of memory that hold its texts, for versions whose code objects have no number, and
 * their bytes in all; 0: they are not all plain ASCII and have to be read anew. */
enum { PYRO_CODE_TEXTS = 6 };
size_t pyro_target_code_texts(const struct pyro_target *t, const struct pyro_code *code,
                              struct iovec *out);
/* Are the copies of the pieces what they were? */
bool pyro_target_code_texts_same(const struct pyro_target *t, const struct pyro_code *code,
                                 const uint8_t *bytes);
/* Line and columns of an instruction (offset in bytes; -1: not begun gives the first line). */
struct pyro_position {
    uint32_t line, end_line, column, end_column; /* as in pyro_frame_fact: 0 not known */
};
void pyro_target_position(const struct pyro_code *code, int instruction, struct pyro_position *out);
/* Fills starts[i] (code->size / 2 of them) with the offset in bytes at which the location that code
 * unit i belongs to begins: the same for an instruction and its inline caches. */
void pyro_target_location_starts(const struct pyro_code *code, int32_t *starts);

/* Is the object a Python function, and of what code?  *code and *module_at are 0 if it is not one.
 * PYRO_E_IO if it cannot be read. */
int pyro_target_read_function(struct pyro_target *t, uint64_t address, uint64_t *code,
                              uint64_t *module_at);
/* A str object's text as UTF-8 in the arena, at most max bytes (more: cut, with an ellipsis at the
 * end); surrogates as the six characters \udcXX.  PYRO_E_INVALID: it is no str. */
int pyro_target_read_str(struct pyro_target *t, uint64_t address, size_t max,
                         struct pyro_arena *arena, const char **text, size_t *size);

/* The object as text, at most size - 1 bytes of it: exact builtins as Python shows them, all else
 * by type and address.  PYRO_E_NOMEM. */
int pyro_target_show(struct pyro_target *t, uint64_t object, char *out, size_t size);
/* Tells each variable of the frame at this address, whose code this is, that is bound. PYRO_E_GONE:
 * another frame stands there by now, or there are more than 200.  PYRO_E_NOMEM. */
int pyro_target_variables(struct pyro_target *t, uint64_t frame, const struct pyro_code *code,
                          void (*tell)(void *ctx, const char *name, const char *value), void *ctx);

/* 3.10, whose code objects have no qualified name: that of the function whose code runs in the
 * frame at this address, which has these globals, called from the one at `caller` (0: none), whose
 * own name is known.  False: it is not found, and its own name has to do.  *module_at: its module's
 * name; 0: not found. */
bool pyro_target_find_qualname(struct pyro_target *t, const struct pyro_code *code, uint64_t frame,
                               uint64_t globals, uint64_t caller, const char *caller_name,
                               struct pyro_arena *arena, const char **out, size_t *size,
                               uint64_t *module_at);
/* The name of a threading.Thread object; false: it cannot be read (now). */
bool pyro_target_thread_name(struct pyro_target *t, uint64_t object, char *out, size_t size);

/* ---- what may be read, and why a process may not */
int pyro_target_trace_scope(void); /* Yama's ptrace_scope; -1: none */
bool pyro_target_may_trace(void);  /* we have CAP_SYS_PTRACE */
struct pyro_obstacles {
    bool may_trace; /* this process has CAP_SYS_PTRACE */
    bool withheld;  /* it cannot get it, not even as root: so in most containers */
    bool filtered;  /* a seccomp filter is on this process */
    bool contained; /* this process is in a container */
    uid_t user, owner;
    int scope; /* Yama's ptrace_scope; -1: none */
};
/* False: there is no such process. */
bool pyro_target_obstacles(pid_t pid, struct pyro_obstacles *out);

struct pyro_refusal {
    char obstacle[300], advice[300]; /* what stands in the way, and what grants it, in prose */
    char mend[500];                  /* the exact lines that grant it */
};
void pyro_target_refusal(const struct pyro_obstacles *o, pid_t pid, struct pyro_refusal *out);

#define PYRO_MEND_CONTAINER                                                                        \
    "Docker, and podman alike: docker run --cap-add=SYS_PTRACE ...\n"                              \
    "Compose, under the service: cap_add: [SYS_PTRACE]\n"                                          \
    "Kubernetes, under the container: securityContext: {capabilities: {add: [SYS_PTRACE]}}"
#define PYRO_MEND_YAMA_3                                                                           \
    "echo kernel.yama.ptrace_scope=1 | sudo tee /etc/sysctl.d/10-ptrace.conf\n"                    \
    "Then restart the machine (of a container: both on its host)."

/* ---- /proc */
/* start time (field 22), state letter, ppid, CPU ns, of a process or (tid != 0) one of its
 * threads. */
struct pyro_proc_stat {
    uint64_t start_ticks;
    char state;
    int ppid;
    uint64_t cpu_ns;
    uint64_t memory; /* where it was put: the same after a fork, by chance another after an exec;
                        0: not known */
    bool forked;     /* and has not executed anything since */
    uint64_t reaped; /* page faults of the children it has waited for: more after each of them */
    char comm[64];
};
int pyro_target_proc_stat(pid_t pid, pid_t tid, struct pyro_proc_stat *out);
/* The process that a thread's or process's id belongs to; 0: there is none such. */
pid_t pyro_target_process_of(pid_t id);
/* Is it in another pid namespace than we, so that its threads have other numbers there? */
bool pyro_target_is_apart(pid_t pid);
/* The processes that a namespace of their own calls `inner`, and we do not: how many, at most max
 * in out. */
int pyro_target_find_apart(pid_t inner, pid_t *out, int max);
/* Its threads: the number that its own namespace gives each -> ours. */
int pyro_target_tasks(pid_t pid, struct pyro_map *out);
/* The parent of a process; 0: there is none such, or it is a thread's id. */
pid_t pyro_target_parent(pid_t pid);
/* The children of a process, all its threads' together; number or error. */
int pyro_target_children(pid_t pid, pid_t *out, int max);
/* Its argv as NUL-separated bytes; the caller frees. */
int pyro_target_argv(pid_t pid, char **out, size_t *size);

#endif
