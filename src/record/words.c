/* words: what a process was started as. */
#include "format.h"
#include "record.h"
#include "target.h"

#include <string.h>

int pyro_record_words(int pid, struct pyro_vec *words, char **bytes)
{
    size_t size = 0;
    int rc = pyro_target_argv(pid, bytes, &size);
    for (size_t at = 0; rc == 0 && at < size;) {
        struct pyro_str *word = pyro_base_vec_push(words);
        if (word == NULL)
            return PYRO_E_NOMEM;
        *word = (struct pyro_str){*bytes + at, strnlen(*bytes + at, size - at)};
        at += word->size + 1;
    }
    return rc;
}
