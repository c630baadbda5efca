/*
 * Prints one entry of src/target/layouts.c: the struct layouts of the CPython whose headers this
 * is compiled against.  Run by the script `generate` beside it, once a minor version.
 */
#define Py_BUILD_CORE 1
#include <Python.h>

#if PY_VERSION_HEX < 0x030a0000
#error "CPython 3.10 or newer"
#endif
#ifdef Py_GIL_DISABLED
#error "headers of a free-threaded build"
#endif
#if defined(Py_DEBUG) || defined(Py_TRACE_REFS)
#error "headers of a debug build"
#endif

#include "internal/pycore_code.h"
#include "internal/pycore_interp.h"
#include "internal/pycore_runtime.h"
#if PY_VERSION_HEX < 0x030b0000
#include "frameobject.h"
#include "opcode.h"
#else
#include "internal/pycore_dict.h"
#include "internal/pycore_frame.h"
#if PY_VERSION_HEX >= 0x030e0000
#include "internal/pycore_interpframe.h"
#include "internal/pycore_interpframe_structs.h"
#define GENERATOR struct _PyGenObject
#else
#define GENERATOR PyGenObject
#endif
#include "opcode.h"
#if PY_VERSION_HEX >= 0x030d0000
#define NEED_OPCODE_METADATA
#include "internal/pycore_opcode_metadata.h"
#else
#define NEED_OPCODE_TABLES
#include "internal/pycore_opcode.h"
#endif
#endif

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define FRAME _PyInterpreterFrame
#define NUMBER(name, value) printf("        ." #name " = %ld,\n", (long)(value))
#define AT(name, type, field) NUMBER(name, offsetof(type, field))
#define NONE(name) NUMBER(name, -1)

static void print_bits(const char *name, const uint32_t bits[8])
{
    printf("        .%s = {", name);
    for (int i = 0; i < 8; i++)
        printf("%s0x%08x", i ? ", " : "", bits[i]);
    printf("},\n");
}

#if PY_VERSION_HEX < 0x030b0000
#include "before_311.h"
#else
static void runtime_and_thread(void)
{
    AT(runtime_interpreters_head, _PyRuntimeState, interpreters.head);
    AT(runtime_initialized, _PyRuntimeState, core_initialized);
    AT(interp_next, PyInterpreterState, next);
    AT(interp_id, PyInterpreterState, id);
    AT(interp_threads_head, PyInterpreterState, threads.head);
#if PY_VERSION_HEX >= 0x030e0000
    AT(interp_code_generation, PyInterpreterState, _code_object_generation);
#else
    NONE(interp_code_generation);
#endif
#if PY_VERSION_HEX >= 0x030c0000
    NONE(runtime_gil);
    AT(interp_gil, PyInterpreterState, ceval.gil);
#else
    AT(runtime_gil, _PyRuntimeState, ceval.gil);
    NONE(interp_gil);
#endif
    AT(gil_holder, struct _gil_runtime_state, last_holder);
    AT(gil_locked, struct _gil_runtime_state, locked);
    AT(gil_switches, struct _gil_runtime_state, switch_number);
    AT(interp_gc, PyInterpreterState, gc);
    AT(gc_collecting, struct _gc_runtime_state, collecting);
    AT(thread_prev, PyThreadState, prev);
    AT(thread_next, PyThreadState, next);
    AT(thread_interp, PyThreadState, interp);
    AT(thread_native_id, PyThreadState, native_thread_id);
    AT(thread_id, PyThreadState, thread_id);
#if PY_VERSION_HEX >= 0x030d0000
    AT(thread_current_frame, PyThreadState, current_frame);
    NONE(thread_cframe);
    NONE(cframe_current_frame);
#else
    NONE(thread_current_frame);
    AT(thread_cframe, PyThreadState, cframe);
    AT(cframe_current_frame, _PyCFrame, current_frame);
#endif
    AT(thread_chunk, PyThreadState, datastack_chunk);
    AT(thread_chunk_top, PyThreadState, datastack_top);
    AT(chunk_previous, _PyStackChunk, previous);
    AT(chunk_size, _PyStackChunk, size);
    AT(chunk_top, _PyStackChunk, top);
    AT(chunk_data, _PyStackChunk, data);
}

static void frame(void)
{
    AT(frame_previous, FRAME, previous);
#if PY_VERSION_HEX >= 0x030d0000
    AT(frame_executable, FRAME, f_executable);
    AT(frame_ip, FRAME, instr_ptr);
#else
    AT(frame_executable, FRAME, f_code);
    AT(frame_ip, FRAME, prev_instr);
#endif
#if PY_VERSION_HEX >= 0x030c0000
    AT(frame_function, FRAME, f_funcobj);
    AT(frame_return_offset, FRAME, return_offset);
#else
    AT(frame_function, FRAME, f_func);
    NONE(frame_return_offset);
#endif
    AT(frame_owner, FRAME, owner);
#if PY_VERSION_HEX < 0x030c0000
    AT(frame_is_entry, FRAME, is_entry);
#else
    NONE(frame_is_entry);
#endif
#if PY_VERSION_HEX >= 0x030e0000
    NONE(frame_stacktop);
    AT(frame_stackpointer, FRAME, stackpointer);
#else
    AT(frame_stacktop, FRAME, stacktop);
    NONE(frame_stackpointer);
#endif
    AT(frame_locals, FRAME, localsplus);
    NUMBER(frame_specials, FRAME_SPECIALS_SIZE);
    NUMBER(owner_thread, FRAME_OWNED_BY_THREAD);
    NUMBER(owner_generator, FRAME_OWNED_BY_GENERATOR);
    NUMBER(owner_frame_object, FRAME_OWNED_BY_FRAME_OBJECT);
#if PY_VERSION_HEX >= 0x030e0000
    NUMBER(owner_cstack, FRAME_OWNED_BY_INTERPRETER);
#elif PY_VERSION_HEX >= 0x030c0000
    NUMBER(owner_cstack, FRAME_OWNED_BY_CSTACK);
#else
    NONE(owner_cstack);
#endif
}

static void objects(void)
{
#if PY_VERSION_HEX >= 0x030c0000
    AT(code_framesize, PyCodeObject, co_framesize);
    AT(code_version, PyCodeObject, co_version);
#else
    NONE(code_framesize);
    NONE(code_version);
#endif
    AT(code_stacksize, PyCodeObject, co_stacksize);
    AT(code_nlocalsplus, PyCodeObject, co_nlocalsplus);
    AT(code_filename, PyCodeObject, co_filename);
    AT(code_name, PyCodeObject, co_name);
    AT(code_qualname, PyCodeObject, co_qualname);
    AT(code_linetable, PyCodeObject, co_linetable);
    AT(code_firstlineno, PyCodeObject, co_firstlineno);
    AT(code_adaptive, PyCodeObject, co_code_adaptive);
    AT(code_flags, PyCodeObject, co_flags);
    AT(code_names, PyCodeObject, co_localsplusnames);
    AT(code_kinds, PyCodeObject, co_localspluskinds);
    AT(function_code, PyFunctionObject, func_code);
    AT(function_module, PyFunctionObject, func_module);
    AT(function_qualname, PyFunctionObject, func_qualname);
    AT(generator_frame, GENERATOR, gi_iframe);
    AT(generator_state, GENERATOR, gi_frame_state);
    NUMBER(state_executing, FRAME_EXECUTING);
    AT(object_type, PyObject, ob_type);
    NUMBER(object_size, sizeof(PyObject));
    AT(var_size, PyVarObject, ob_size);
    AT(type_name, PyTypeObject, tp_name);
    AT(type_flags, PyTypeObject, tp_flags);
    AT(type_cached_keys, PyHeapTypeObject, ht_cached_keys);
    AT(keys_index_bytes, struct _dictkeysobject, dk_log2_index_bytes);
    AT(keys_count, struct _dictkeysobject, dk_nentries);
    AT(keys_indices, struct _dictkeysobject, dk_indices);
#if PY_VERSION_HEX >= 0x030d0000
    AT(values_valid, struct _dictvalues, valid);
#else
    NONE(values_valid);
#endif
    AT(values_first, struct _dictvalues, values);
    AT(bytes_data, PyBytesObject, ob_sval);
#if PY_VERSION_HEX >= 0x030c0000
    AT(long_digits, PyLongObject, long_value.ob_digit);
#else
    AT(long_digits, PyLongObject, ob_digit);
#endif
    AT(float_value, PyFloatObject, ob_fval);
    AT(complex_value, PyComplexObject, cval);
    AT(bytearray_start, PyByteArrayObject, ob_start);
    AT(cell_value, PyCellObject, ob_ref);
    AT(tuple_items, PyTupleObject, ob_item);
    AT(list_items, PyListObject, ob_item);
    AT(dict_used, PyDictObject, ma_used);
    AT(dict_keys, PyDictObject, ma_keys);
    AT(dict_values, PyDictObject, ma_values);
    AT(keys_kind, struct _dictkeysobject, dk_kind);
    AT(set_used, PySetObject, used);
    AT(set_mask, PySetObject, mask);
    AT(set_table, PySetObject, table);
}

#endif

/* The number of the lowest bit that the marked object has set in the 32 bits of its state. */
static int lowest_bit(const PyASCIIObject *marked)
{
    unsigned bits;

    memcpy(&bits, &marked->state, sizeof(bits));
    return __builtin_ctz(bits);
}

static void text(void)
{
    PyASCIIObject kind, compact, ascii;

    AT(unicode_length, PyASCIIObject, length);
    AT(unicode_state, PyASCIIObject, state);
    NUMBER(unicode_ascii_data, sizeof(PyASCIIObject));
    NUMBER(unicode_compact_data, sizeof(PyCompactUnicodeObject));
    memset(&kind, 0, sizeof(kind));
    kind.state.kind = 1;
    compact = ascii = kind;
    compact.state.kind = ascii.state.kind = 0;
    compact.state.compact = 1;
    ascii.state.ascii = 1;
    NUMBER(unicode_kind, lowest_bit(&kind));
    NUMBER(unicode_compact, lowest_bit(&compact));
    NUMBER(unicode_ascii, lowest_bit(&ascii));
}

#if PY_VERSION_HEX >= 0x030b0000
static void opcodes(void)
{
    /* 3.14 on: bit 0 says that the reference is not counted, bits 0 and 1 that it is an integer. */
    NUMBER(tag_mask, PY_VERSION_HEX >= 0x030e0000 ? 3 : 0);
    printf("        .op_return = {%d, %d,", RETURN_VALUE, RETURN_GENERATOR);
#ifdef RETURN_CONST
    printf(" %d,", RETURN_CONST);
#endif
#ifdef INSTRUMENTED_RETURN_VALUE
    printf(" %d,", INSTRUMENTED_RETURN_VALUE);
#endif
#ifdef INSTRUMENTED_RETURN_CONST
    printf(" %d,", INSTRUMENTED_RETURN_CONST);
#endif
    printf(" -1},\n");
}

#if PY_VERSION_HEX >= 0x030d0000
#define KNOWN(op) (_PyOpcode_OpName[op] != NULL)
#else
#define KNOWN(op) ((op) == 0 || _PyOpcode_Deopt[op] != 0)
#endif

/* A bit for each instruction that is one of `bases`, specialized or not, or of which it cannot be
 * told: the instrumented and the unknown ones. */
static void print_family(const char *name, const int *bases, size_t count)
{
    uint32_t bits[8] = {0};
    for (int op = 0; op < 256; op++) {
#ifdef MIN_INSTRUMENTED_OPCODE
        bool is_one = op >= MIN_INSTRUMENTED_OPCODE || !KNOWN(op);
#else
        bool is_one = !KNOWN(op);
#endif
        for (size_t i = 0; i < count; i++)
            is_one |= _PyOpcode_Deopt[op] == bases[i];
        bits[op / 32] |= (uint32_t)is_one << op % 32;
    }
    print_bits(name, bits);
}

/* Which instructions can push a function's frame, and which a generator's, by resuming it. */
static void pushing(void)
{
    static const int resumes[] = {SEND, FOR_ITER, EXTENDED_ARG};
    static const int calls[] = {
        CALL,          CALL_FUNCTION_EX, LOAD_ATTR, BINARY_OP, EXTENDED_ARG,
#ifdef PRECALL
        PRECALL,
#endif
#ifdef CALL_KW
        CALL_KW,
#endif
#ifdef LOAD_METHOD
        LOAD_METHOD,
#endif
#ifdef BINARY_SUBSCR
        BINARY_SUBSCR,
#endif
    };
    print_family("op_calls", calls, sizeof(calls) / sizeof(calls[0]));
    print_family("op_resumes", resumes, sizeof(resumes) / sizeof(resumes[0]));
}

/* Which instructions cannot make anything run but themselves: they call nothing, free nothing and
 * answer no signal.  Before 3.13 the instruction pointer may stand on inline caches, so that none
 * can be told from its place. */
static void quiet(void)
{
    uint32_t bits[8] = {0};
#if PY_VERSION_HEX >= 0x030d0000
    static const int known[] = {
        LOAD_FAST,
        LOAD_FAST_LOAD_FAST,
        LOAD_CONST,
        LOAD_GLOBAL_MODULE,
        LOAD_GLOBAL_BUILTIN,
        PUSH_NULL,
        COPY,
        SWAP,
        NOP,
#ifdef LOAD_FAST_BORROW
        LOAD_FAST_BORROW,
        LOAD_FAST_BORROW_LOAD_FAST_BORROW,
        LOAD_SMALL_INT,
#endif
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        bits[known[i] / 32] |= UINT32_C(1) << known[i] % 32;
#endif
    print_bits("op_quiet", bits);
}
#endif

#if PY_VERSION_HEX >= 0x030d0000
#define GROUP(name, group, may_move)                                                               \
    printf("        {%zu, %zu, %d},\n", offsetof(_Py_DebugOffsets, group.size), (size_t)(name),    \
           may_move)
#define SAID_WIDE(name, group, said, width)                                                        \
    printf("        {%zu, %zu, %zu, offsetof(struct pyro_layout, " #name ")},\n",                  \
           offsetof(_Py_DebugOffsets, group.said), offsetof(_Py_DebugOffsets, group.size),         \
           (size_t)(width))
#define SAID(name, group, said, type, field)                                                       \
    SAID_WIDE(name, group, said, sizeof(((type *)0)->field))

static void debug_offsets(void)
{
    printf("    .debug_size = %zu,\n", sizeof(_Py_DebugOffsets));
    printf("    .debug_free_threaded = %zu,\n", offsetof(_Py_DebugOffsets, free_threaded));
    printf("    .groups = {\n");
    GROUP(sizeof(_PyRuntimeState), runtime_state, 1);
    GROUP(sizeof(PyInterpreterState), interpreter_state, 1);
    GROUP(sizeof(PyThreadState), thread_state, 1);
    GROUP(sizeof(struct _gc_runtime_state), gc, 1);
    GROUP(sizeof(FRAME), interpreter_frame, 0);
    GROUP(sizeof(PyCodeObject), code_object, 0);
    GROUP(sizeof(PyObject), pyobject, 0);
    GROUP(sizeof(PyTypeObject), type_object, 0);
    GROUP(sizeof(PyBytesObject), bytes_object, 0);
    GROUP(sizeof(PyUnicodeObject), unicode_object, 0);
#if PY_VERSION_HEX >= 0x030e0000
    GROUP(sizeof(PyGenObject), gen_object, 0);
#endif
    printf("    },\n    .said = {\n");
    SAID(runtime_interpreters_head, runtime_state, interpreters_head, _PyRuntimeState,
         interpreters.head);
    SAID(interp_next, interpreter_state, next, PyInterpreterState, next);
    SAID(interp_id, interpreter_state, id, PyInterpreterState, id);
    SAID(interp_threads_head, interpreter_state, threads_head, PyInterpreterState, threads.head);
    SAID(interp_gil, interpreter_state, ceval_gil, PyInterpreterState, ceval.gil);
    SAID_WIDE(interp_gc, interpreter_state, gc, 8);
    SAID(gc_collecting, gc, collecting, struct _gc_runtime_state, collecting);
    SAID(thread_prev, thread_state, prev, PyThreadState, prev);
    SAID(thread_next, thread_state, next, PyThreadState, next);
    SAID(thread_interp, thread_state, interp, PyThreadState, interp);
    SAID(thread_native_id, thread_state, native_thread_id, PyThreadState, native_thread_id);
    SAID(thread_id, thread_state, thread_id, PyThreadState, thread_id);
    SAID(thread_current_frame, thread_state, current_frame, PyThreadState, current_frame);
    SAID(thread_chunk, thread_state, datastack_chunk, PyThreadState, datastack_chunk);
    SAID(frame_previous, interpreter_frame, previous, FRAME, previous);
    SAID(frame_executable, interpreter_frame, executable, FRAME, f_executable);
    SAID(frame_ip, interpreter_frame, instr_ptr, FRAME, instr_ptr);
    SAID(frame_locals, interpreter_frame, localsplus, FRAME, localsplus);
    SAID(frame_owner, interpreter_frame, owner, FRAME, owner);
    SAID(code_filename, code_object, filename, PyCodeObject, co_filename);
    SAID(code_name, code_object, name, PyCodeObject, co_name);
    SAID(code_qualname, code_object, qualname, PyCodeObject, co_qualname);
    SAID(code_linetable, code_object, linetable, PyCodeObject, co_linetable);
    SAID(code_firstlineno, code_object, firstlineno, PyCodeObject, co_firstlineno);
    SAID(code_adaptive, code_object, co_code_adaptive, PyCodeObject, co_code_adaptive);
    SAID(object_type, pyobject, ob_type, PyObject, ob_type);
    SAID(type_name, type_object, tp_name, PyTypeObject, tp_name);
    SAID(type_flags, type_object, tp_flags, PyTypeObject, tp_flags);
    SAID(bytes_data, bytes_object, ob_sval, PyBytesObject, ob_sval);
    SAID(unicode_length, unicode_object, length, PyASCIIObject, length);
    SAID(unicode_state, unicode_object, state, PyASCIIObject, state);
#if PY_VERSION_HEX >= 0x030e0000
    SAID(interp_code_generation, interpreter_state, code_object_generation, PyInterpreterState,
         _code_object_generation);
    SAID(frame_stackpointer, interpreter_frame, stackpointer, FRAME, stackpointer);
    SAID(generator_frame, gen_object, gi_iframe, PyGenObject, gi_iframe.f_executable);
    SAID(generator_state, gen_object, gi_frame_state, PyGenObject, gi_frame_state);
#endif
    printf("    },\n");
}
#endif

int main(void)
{
#if PY_VERSION_HEX < 0x030b0000
    size_t thread_size = offsetof(PyThreadState, thread_id);
#else
    size_t thread_size = offsetof(PyThreadState, datastack_top);

    if (offsetof(PyThreadState, native_thread_id) > thread_size)
        thread_size = offsetof(PyThreadState, native_thread_id);
#endif
    printf("{\n    .layout = {\n");
    NUMBER(version, PY_VERSION_HEX >> 16);
    NUMBER(thread_size, thread_size + sizeof(void *));
    runtime_and_thread();
    frame();
    objects();
    text();
#if PY_VERSION_HEX >= 0x030b0000
    opcodes();
    pushing();
#endif
    quiet();
    printf("    },\n");
#if PY_VERSION_HEX >= 0x030d0000
    debug_offsets();
#endif
    printf("},\n");
    return 0;
}
