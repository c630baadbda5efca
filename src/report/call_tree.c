/*
 * The tree view: the heaviest path opened, what branches off it in single rows, the smallest
 * branches summed up.  The page grows with the number of steps of that path, never with the depth
 * of stacks: recursion is one step (see pyro_profile_walk).
 */
#include "report_priv.h"

#include <stdlib.h>
#include <string.h>

#define ROWS 60
#define OPEN_FROM 0.01  /* steps below this share are not opened */
#define SIDE_FROM 0.02  /* branches from this share on get a row of their own, ... */
#define SIDE_MOST 4     /* ... but no more of them than this under one step */
#define REST_FROM 0.001 /* what is left is summed up in a row if it is worth one */

struct tree {
    struct pyro_page *page;
    const struct pyro_profile *p;
    struct pyro_walk walk;
    struct pyro_table table;
    struct pyro_buf bars; /* what stands before the names of the level we are in */
    size_t level_max;
    size_t rows, limit;
};

/* A row about a function, or, without one, what `text` says. */
static void cells_of(struct tree *tree, uint64_t total, const uint64_t *self, const char *joint,
                     uint32_t function, uint32_t repeats, const char *text)
{
    const struct pyro_profile *p = tree->p;
    struct pyro_table *t = &tree->table;
    char share[PYRO_SHORT];
    struct pyro_cell *cell = pyro_table_add(t, pyro_report_percent(share, total, p->samples));
    if (self == NULL)
        cell->style = DIM;
    else if (2 * total >= p->samples)
        cell->style = HOT;
    pyro_table_add(t, self ? pyro_report_self(share, p, function, *self) : "");

    size_t at = t->text.len;
    cell = pyro_table_add(t, "");
    pyro_base_put(&t->text, (const char *)tree->bars.data, tree->bars.len);
    pyro_base_put(&t->text, joint, strlen(joint));
    if (text != NULL)
        pyro_base_put(&t->text, text, strlen(text));
    else
        pyro_report_clean(&t->text, p->functions[function].qualname.bytes,
                          p->functions[function].qualname.size, 200);
    if (repeats > 1) {
        char count[PYRO_SHORT], note[PYRO_SHORT + 8];
        int n = snprintf(note, sizeof note, " (x %s)", pyro_report_count(count, repeats));
        pyro_base_put(&t->text, note, (size_t)n);
    }
    cell->at = at;
    cell->size = t->text.len - at;
    if (self == NULL)
        cell->style = DIM;
    if (text != NULL)
        pyro_table_add(t, "");
    else
        pyro_table_add_place(t, p, p->functions[function].file, p->functions[function].first_line);
    tree->rows++;
}

struct level { /* rows still to come after the step opened at this level */
    size_t step;
    size_t shown;      /* branches with a row of their own, the opened one included */
    uint64_t rest;     /* samples of the branches summed up */
    size_t rest_count; /* 0: no such row */
    size_t bars_len;   /* of the level's own bars */
};

static struct level plan(const struct tree *tree, size_t step)
{
    const struct pyro_step *s = &tree->walk.steps[step];
    const struct pyro_branch *b = &tree->walk.branches[s->first_branch];
    double all = (double)tree->p->samples;
    struct level level = {.step = step, .shown = 1, .bars_len = tree->bars.len};
    while (level.shown < s->branch_count && level.shown <= SIDE_MOST &&
           (double)b[level.shown].total >= SIDE_FROM * all)
        level.shown++;
    for (size_t i = level.shown; i < s->branch_count; i++)
        level.rest += b[i].total;
    if ((double)level.rest >= REST_FROM * all)
        level.rest_count = s->branch_count - level.shown;
    return level;
}

static void close_level(struct tree *tree, const struct level *level)
{
    const struct pyro_step *s = &tree->walk.steps[level->step];
    const struct pyro_branch *b = &tree->walk.branches[s->first_branch];
    tree->bars.len = level->bars_len;
    for (size_t i = 1; i < level->shown; i++) {
        bool last = i + 1 == level->shown && level->rest_count == 0;
        cells_of(tree, b[i].total, &b[i].self, last ? "└ " : "├ ", b[i].function, 1, NULL);
    }
    if (level->rest_count > 0) {
        char text[120], count[PYRO_SHORT], share[PYRO_SHORT];
        snprintf(text, sizeof text, "… %s more, %s", pyro_report_count(count, level->rest_count),
                 pyro_report_percent(share, level->rest, tree->p->samples));
        cells_of(tree, level->rest, NULL, "└ ", PYRO_NONE, 1, text);
    }
}

/* Down the path, a level a step; then back up, printing what was left beside it. */
static int lay_out(struct tree *tree)
{
    struct pyro_vec levels = PYRO_VEC(struct level);
    const struct pyro_walk *walk = &tree->walk;
    int rc = PYRO_OK;
    for (size_t i = 0; i < walk->step_count && rc == PYRO_OK; i++) {
        const struct pyro_step *s = &walk->steps[i];
        if (s->branch_count == 0)
            break;
        struct level level = plan(tree, i), *slot;
        const struct pyro_branch *b = &walk->branches[s->first_branch];
        bool open = (double)b->total >= OPEN_FROM * (double)tree->p->samples &&
                    tree->rows + 1 < tree->limit;
        if (!open) { /* too small, or too long a page: the rest in one row */
            level.rest = 0;
            for (size_t k = 0; k < s->branch_count; k++)
                level.rest += b[k].total;
            level.shown = 0;
            level.rest_count =
                (double)level.rest >= REST_FROM * (double)tree->p->samples ? s->branch_count : 0;
            close_level(tree, &level);
            break;
        }
        bool alone = level.shown == 1 && level.rest_count == 0;
        const char *joint = i == 0 && alone ? "" : alone ? "↳ " : "├ ";
        cells_of(tree, b->total, &walk->steps[i + 1].self, joint, b->function,
                 walk->steps[i + 1].repeats, NULL);
        slot = pyro_base_vec_push(&levels);
        if (slot == NULL) {
            rc = PYRO_E_NOMEM;
            break;
        }
        *slot = level;
        if (levels.len <= tree->level_max && !(i == 0 && alone))
            pyro_base_put(&tree->bars, alone ? "" : "│ ", alone ? 0 : strlen("│ "));
    }
    for (size_t i = levels.len; i-- > 0;)
        close_level(tree, pyro_base_vec_at(&levels, i));
    pyro_base_vec_release(&levels);
    return rc;
}

int pyro_report_tree(FILE *to, const struct pyro_profile *p, const struct pyro_report_options *o)
{
    static const struct pyro_column columns[] = {{"total", true, 0, PLAIN},
                                                 {"self", true, 0, PLAIN},
                                                 {"function", false, 'r', PLAIN},
                                                 {"where", false, 'l', DIM}};
    struct pyro_page page;
    pyro_page_init(&page, p, o);
    struct tree tree = {.page = &page,
                        .p = p,
                        .level_max = page.width / 4,
                        .limit = o->limit > 0 ? o->limit : ROWS};
    if (p->node_count == 0) {
        pyro_page_put(&page, "There are no samples.\n");
        return pyro_page_finish(&page, to);
    }
    int rc = pyro_profile_walk(p, &tree.walk);
    if (rc < 0)
        return rc;
    pyro_table_init(&tree.table, columns, 4);
    rc = lay_out(&tree);
    if (rc == PYRO_OK && !tree.bars.failed)
        pyro_table_print(&tree.table, &page, 0);
    else
        page.buf.failed = true;
    pyro_table_release(&tree.table);
    pyro_base_buf_release(&tree.bars);
    pyro_profile_walk_release(&tree.walk);
    return pyro_page_finish(&page, to);
}
