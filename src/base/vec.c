/*
 * Growing arrays of fixed-size elements.  Invariant: len <= cap; elem is never 0.  Growth doubles;
 * an element pushed or added by resizing is zeroed; pointers into the array die with the next
 * growth.
 */
#include "base.h"

#include <stdlib.h>
#include <string.h>

static int reserve(struct pyro_vec *vec, size_t len)
{
    if (len <= vec->cap)
        return 0;
    if (!vec->elem || len > SIZE_MAX / 2 / vec->elem)
        return PYRO_E_NOMEM;
    size_t cap = vec->cap ? vec->cap : 8;
    while (cap < len)
        cap *= 2;
    void *data = realloc(vec->data, cap * vec->elem);
    if (!data)
        return PYRO_E_NOMEM;
    vec->data = data;
    vec->cap = cap;
    return 0;
}

void *pyro_base_vec_push(struct pyro_vec *vec)
{
    if (reserve(vec, vec->len + 1))
        return NULL;
    void *at = pyro_base_vec_at(vec, vec->len++);
    memset(at, 0, vec->elem);
    return at;
}

int pyro_base_vec_resize(struct pyro_vec *vec, size_t len)
{
    int rc = reserve(vec, len);
    if (rc)
        return rc;
    if (len > vec->len)
        memset(pyro_base_vec_at(vec, vec->len), 0, (len - vec->len) * vec->elem);
    vec->len = len;
    return 0;
}

void pyro_base_vec_release(struct pyro_vec *vec)
{
    free(vec->data);
    *vec = (struct pyro_vec){.elem = vec->elem};
}
