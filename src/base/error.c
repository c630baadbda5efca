/*
 * Errors: codes with a fixed text, and the caller's struct with the sentence of this one failure.
 * Never allocates, never prints; a sentence too long for the struct is cut.
 */
#include "base.h"

int pyro_base_fail(struct pyro_error *err, int code, const char *fmt, ...)
{
    if (err) {
        va_list args;
        va_start(args, fmt);
        err->code = code;
        vsnprintf(err->text, sizeof err->text, fmt, args);
        va_end(args);
    }
    return code;
}

const char *pyro_base_code_text(int code)
{
    switch (code) {
#define X(name, number, text)                                                                      \
    case PYRO_E_##name:                                                                            \
        return text;
        PYRO_ERRORS(X)
#undef X
    case PYRO_OK:
        return "done";
    }
    return "an unknown error";
}
