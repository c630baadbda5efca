/*
 * CPython 3.10, whose frames are objects, each with a link to its caller: what of struct
 * pyro_layout is to be known there.  Included by gen_layout.c.  The struct of a dict's keys is in
 * none of the installed headers (Objects/dict-common.h).
 */
typedef struct {
    Py_ssize_t dk_refcnt, dk_size;
    void *dk_lookup;
    Py_ssize_t dk_usable, dk_nentries;
    char dk_indices[];
} dict_keys;

static void runtime_and_thread(void)
{
    AT(runtime_interpreters_head, _PyRuntimeState, interpreters.head);
    AT(runtime_initialized, _PyRuntimeState, core_initialized);
    AT(interp_next, PyInterpreterState, next);
    AT(interp_id, PyInterpreterState, id);
    AT(interp_threads_head, PyInterpreterState, tstate_head);
    NONE(interp_code_generation);
    AT(runtime_gil, _PyRuntimeState, ceval.gil);
    NONE(interp_gil);
    AT(gil_holder, struct _gil_runtime_state, last_holder);
    AT(gil_locked, struct _gil_runtime_state, locked);
    AT(gil_switches, struct _gil_runtime_state, switch_number);
    AT(interp_gc, PyInterpreterState, gc);
    AT(gc_collecting, struct _gc_runtime_state, collecting);
    AT(thread_prev, PyThreadState, prev);
    AT(thread_next, PyThreadState, next);
    AT(thread_interp, PyThreadState, interp);
    NONE(thread_native_id);
    AT(thread_id, PyThreadState, thread_id);
    AT(thread_frame, PyThreadState, frame);
    AT(thread_profile, PyThreadState, c_profilefunc);
    AT(thread_trace, PyThreadState, c_tracefunc);
    NONE(thread_current_frame);
    NONE(thread_cframe);
    NONE(cframe_current_frame);
    NONE(thread_chunk);
    NONE(thread_chunk_top);
}

static void frame(void)
{
    AT(frame_previous, PyFrameObject, f_back);
    AT(frame_executable, PyFrameObject, f_code);
    AT(frame_globals, PyFrameObject, f_globals);
    AT(frame_lasti, PyFrameObject, f_lasti);
    AT(frame_state, PyFrameObject, f_state);
    NONE(frame_ip);
    NONE(frame_function);
    NONE(frame_is_entry);
    NONE(frame_stacktop);
    NONE(frame_stackpointer);
    AT(frame_locals, PyFrameObject, f_localsplus);
    NONE(owner_cstack);
    NUMBER(state_executing, FRAME_EXECUTING);
}

static void objects(void)
{
    NONE(code_framesize);
    NONE(code_version);
    NONE(code_qualname);
    NONE(code_adaptive);
    NONE(code_nlocalsplus);
    AT(code_stacksize, PyCodeObject, co_stacksize);
    AT(code_nlocals, PyCodeObject, co_nlocals);
    AT(code_filename, PyCodeObject, co_filename);
    AT(code_name, PyCodeObject, co_name);
    AT(code_linetable, PyCodeObject, co_linetable);
    AT(code_firstlineno, PyCodeObject, co_firstlineno);
    AT(code_flags, PyCodeObject, co_flags);
    AT(code_bytes, PyCodeObject, co_code);
    AT(code_consts, PyCodeObject, co_consts);
    AT(code_names, PyCodeObject, co_varnames);
    AT(code_cells, PyCodeObject, co_cellvars);
    AT(code_frees, PyCodeObject, co_freevars);
    NONE(code_kinds);
    AT(function_code, PyFunctionObject, func_code);
    AT(function_module, PyFunctionObject, func_module);
    AT(function_qualname, PyFunctionObject, func_qualname);
    NONE(generator_frame);
    NONE(generator_state);
    AT(object_type, PyObject, ob_type);
    NUMBER(object_size, sizeof(PyObject));
    AT(var_size, PyVarObject, ob_size);
    AT(type_name, PyTypeObject, tp_name);
    AT(type_flags, PyTypeObject, tp_flags);
    AT(type_dict, PyTypeObject, tp_dict);
    AT(type_mro, PyTypeObject, tp_mro);
    AT(type_dict_offset, PyTypeObject, tp_dictoffset);
    NONE(type_cached_keys);
    NONE(keys_index_bytes);
    AT(keys_size, dict_keys, dk_size);
    AT(keys_count, dict_keys, dk_nentries);
    AT(keys_indices, dict_keys, dk_indices);
    NONE(values_valid);
    NONE(values_first);
    NONE(keys_kind);
    AT(method_function, PyMethodObject, im_func);
    AT(function_closure, PyFunctionObject, func_closure);
    AT(function_dict, PyFunctionObject, func_dict);
    AT(bytes_data, PyBytesObject, ob_sval);
    AT(long_digits, PyLongObject, ob_digit);
    AT(float_value, PyFloatObject, ob_fval);
    AT(complex_value, PyComplexObject, cval);
    AT(bytearray_start, PyByteArrayObject, ob_start);
    AT(cell_value, PyCellObject, ob_ref);
    AT(tuple_items, PyTupleObject, ob_item);
    AT(list_items, PyListObject, ob_item);
    AT(dict_used, PyDictObject, ma_used);
    AT(dict_keys, PyDictObject, ma_keys);
    AT(dict_values, PyDictObject, ma_values);
    AT(set_used, PySetObject, used);
    AT(set_mask, PySetObject, mask);
    AT(set_table, PySetObject, table);
}

/* Instructions during which nothing else runs, but for a function that traces them. */
static void quiet(void)
{
    static const int known[] = {LOAD_FAST, LOAD_CONST, LOAD_CLOSURE, ROT_TWO, ROT_THREE,
                                ROT_FOUR,  DUP_TOP,    DUP_TOP_TWO,  NOP};
    uint32_t bits[8] = {0};

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        bits[known[i] / 32] |= UINT32_C(1) << known[i] % 32;
    print_bits("op_quiet", bits);
}
