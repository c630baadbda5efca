/*
 * The known word that a mistyped one was most likely meant to be.
 */
#include "options.h"

#include <string.h>

#define LONGEST 32

/* Insertions, deletions, replacements and swaps of neighbours that make b of a. */
static size_t distance(const char *a, const char *b)
{
    size_t la = strlen(a), lb = strlen(b);
    size_t d[LONGEST + 1][LONGEST + 1];

    if (la > LONGEST || lb > LONGEST)
        return SIZE_MAX;
    for (size_t i = 0; i <= la; i++)
        d[i][0] = i;
    for (size_t j = 0; j <= lb; j++)
        d[0][j] = j;
    for (size_t i = 1; i <= la; i++) {
        for (size_t j = 1; j <= lb; j++) {
            size_t best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            if (d[i - 1][j] + 1 < best)
                best = d[i - 1][j] + 1;
            if (d[i][j - 1] + 1 < best)
                best = d[i][j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                d[i - 2][j - 2] + 1 < best)
                best = d[i - 2][j - 2] + 1;
            d[i][j] = best;
        }
    }
    return d[la][lb];
}

const char *pyro_cli_nearest(const char *word, const char *const *names)
{
    const char *best = NULL;
    size_t size = strlen(word), limit = size / 3 + 2; /* a mistake in three letters */

    if (size < 2)
        return NULL;
    for (; *names; names++) {
        bool begins = strncmp(word, *names, size) == 0;
        size_t d = begins ? 1 : distance(word, *names);
        if (d < limit && d < size) {
            limit = d;
            best = *names;
        }
    }
    return best;
}
