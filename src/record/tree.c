/*
 * tree: finds the first Python among the command and its descendants.  A command may be a shell
 * script or a shim that execs or starts the interpreter, so the tree is looked at again and again
 * until one is there.
 */
#include "record_priv.h"
#include "target.h"

#include <stdio.h>

#define TREE_MOST 256

static bool was_refused(const struct tree *tree, pid_t pid)
{
    for (int i = 0; i < tree->refused_count; i++)
        if (tree->refused[i] == pid)
            return true;
    return false;
}

int tree_find(struct tree *tree, struct pyro_target **out, struct pyro_error *err)
{
    pid_t todo[TREE_MOST] = {tree->root};
    int count = 1, starting = 0;
    for (int i = 0; i < count; i++) {
        if (!was_refused(tree, todo[i])) {
            int rc = pyro_target_open(todo[i], out, err);
            if (rc == 0)
                return 0;
            if (rc == PYRO_E_NOT_READY) {
                starting++;
            } else if (rc == PYRO_E_UNSUPPORTED && tree->doubted != todo[i]) {
                tree->doubted = todo[i]; /* while a process ends it may look like anything */
                starting++;
            } else if (rc != PYRO_E_NOT_PYTHON && rc != PYRO_E_GONE) {
                if (tree->refused_count < (int)(sizeof tree->refused / sizeof *tree->refused))
                    tree->refused[tree->refused_count++] = todo[i];
                return rc;
            }
        }
        int more = pyro_target_children(todo[i], todo + count, TREE_MOST - count);
        if (more > 0)
            count += more;
    }
    return starting > 0 ? PYRO_E_NOT_READY : PYRO_E_NOT_PYTHON;
}
