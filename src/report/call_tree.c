/*
 * The tree view: the heaviest path opened, what branches off it in single rows, the smallest
 * branches summed up.  What is laid out grows with the number of steps of that path, never with the
 * depth of stacks: recursion is one step (see pyro_profile_walk).  No more rows than the limit are
 * printed: the path comes first, then what is heaviest beside it.
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
    const struct pyro_profile *p;
    struct pyro_walk walk;
    struct pyro_table table;
    struct pyro_buf bars; /* what stands before the names of the level we are in */
    size_t level_max;
    struct pyro_vec levels; /* struct level: where the heaviest path is opened, from the bottom */
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
    cell->stem = pyro_report_columns((const char *)t->text.data + at, t->text.len - at);
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
}

struct level { /* a step of the path, and its rows in the order of their samples */
    size_t step;
    size_t shown;      /* branches with a row of their own, the opened one first; 0: none is */
    uint64_t rest;     /* samples of the branches summed up */
    size_t rest_count; /* 0: no such row */
    size_t given;      /* rows there is room for, from the first on */
    size_t bars_len;   /* of the level's own bars */
};

static const struct pyro_branch *branches_of(const struct tree *tree, const struct level *level)
{
    return &tree->walk.branches[tree->walk.steps[level->step].first_branch];
}

static size_t rows_of(const struct level *level)
{
    return level->shown + (level->rest_count > 0);
}

static struct level plan_level(const struct tree *tree, size_t step)
{
    double all = (double)tree->p->samples;
    struct level level = {.step = step};
    size_t count = tree->walk.steps[step].branch_count;
    const struct pyro_branch *b = branches_of(tree, &level);
    if ((double)b->total >= OPEN_FROM * all)
        level.shown = 1;
    while (level.shown > 0 && level.shown < count && level.shown <= SIDE_MOST &&
           (double)b[level.shown].total >= SIDE_FROM * all)
        level.shown++;
    for (size_t i = level.shown; i < count; i++)
        level.rest += b[i].total;
    if ((double)level.rest >= REST_FROM * all)
        level.rest_count = count - level.shown;
    return level;
}

/* Down the path as far as it is worth opening, as if there were room for all. */
static int plan(struct tree *tree)
{
    bool open = true;
    for (size_t i = 0; open && tree->walk.steps[i].branch_count > 0; i++) {
        struct level *level = pyro_base_vec_push(&tree->levels);
        if (level == NULL)
            return PYRO_E_NOMEM;
        *level = plan_level(tree, i);
        open = level->shown > 0;
    }
    return PYRO_OK;
}

/* The level whose next row holds the most samples, of those that have a row to come. */
static struct level *heaviest_next(const struct tree *tree)
{
    struct level *levels = tree->levels.data, *best = NULL;
    uint64_t most = 0;
    for (size_t i = 0; i < tree->levels.len; i++) {
        struct level *level = &levels[i];
        if (level->given == rows_of(level))
            continue;
        uint64_t samples = level->given < level->shown
                               ? branches_of(tree, level)[level->given].total
                               : level->rest;
        if (samples > most) {
            most = samples;
            best = level;
        }
    }
    return best;
}

/* Shares `limit` rows out: to the path, then to the heaviest of the others.  The number of those
 * that there is no room for, about which there is to be a row too. */
static size_t share_out(struct tree *tree, size_t limit)
{
    struct level *levels = tree->levels.data, *level;
    size_t all = 0;
    for (size_t i = 0; i < tree->levels.len; i++)
        all += rows_of(&levels[i]);
    size_t room = all > limit && limit > 1 ? limit - 1 : limit, left = room;
    for (size_t i = 0; i < tree->levels.len && left > 0 && levels[i].shown > 0; i++, left--)
        levels[i].given = 1;
    for (; left > 0 && (level = heaviest_next(tree)) != NULL; left--)
        level->given++;
    return room < limit ? all - room : 0;
}

/* The step that is opened; what comes below it is put between the bars of its level. */
static void open_level(struct tree *tree, const struct level *level)
{
    const struct pyro_branch *b = branches_of(tree, level);
    const struct pyro_step *opened = &tree->walk.steps[level->step + 1];
    bool alone = level->given == 1, bottom = level->step == 0;
    const char *joint = !alone ? "├ " : bottom ? "" : "↳ ";
    cells_of(tree, b->total, &opened->self, joint, b->function, opened->repeats, NULL);
    if (level->step < tree->level_max && !alone)
        pyro_base_put(&tree->bars, "│ ", strlen("│ "));
}

static void close_level(struct tree *tree, const struct level *level)
{
    const struct pyro_branch *b = branches_of(tree, level);
    tree->bars.len = level->bars_len;
    for (size_t i = 1; i < level->shown && i < level->given; i++)
        cells_of(tree, b[i].total, &b[i].self, i + 1 == level->given ? "└ " : "├ ", b[i].function,
                 1, NULL);
    if (level->given > level->shown) {
        char text[PYRO_SHORT + 16], count[PYRO_SHORT];
        snprintf(text, sizeof text, "… %s more", pyro_report_count(count, level->rest_count));
        cells_of(tree, level->rest, NULL, "└ ", PYRO_NONE, 1, text);
    }
}

/* Down the path, a level a step; then back up, printing what was left beside it. */
static void lay_out(struct tree *tree)
{
    struct level *levels = tree->levels.data;
    size_t i = 0;
    for (; i < tree->levels.len && levels[i].given > 0; i++) {
        levels[i].bars_len = tree->bars.len;
        if (levels[i].shown > 0)
            open_level(tree, &levels[i]);
    }
    while (i-- > 0)
        close_level(tree, &levels[i]);
}

int pyro_report_tree(FILE *to, const struct pyro_profile *p, const struct pyro_report_options *o)
{
    static const struct pyro_column columns[] = {{"total", true, 0, PLAIN},
                                                 {"self", true, 0, PLAIN},
                                                 {"function", false, 'm', PLAIN},
                                                 {"where", false, 'l', DIM}};
    struct pyro_page page;
    pyro_page_init(&page, p, o);
    struct tree tree = {.p = p, .level_max = page.width / 4, .levels = PYRO_VEC(struct level)};
    if (p->node_count == 0) {
        pyro_page_printf(&page, "%s\n", pyro_report_nothing(p));
        return pyro_page_finish(&page, to);
    }
    int rc = pyro_profile_walk(p, &tree.walk);
    if (rc < 0)
        return rc;
    pyro_table_init(&tree.table, columns, 4);
    rc = plan(&tree);
    size_t left_out = share_out(&tree, o->limit > 0 ? o->limit : ROWS);
    lay_out(&tree);
    pyro_page_view(&page);
    if (rc == PYRO_OK && !tree.bars.failed)
        pyro_table_print(&tree.table, &page, 0);
    else
        page.buf.failed = true;
    pyro_page_more(&page, left_out);
    pyro_table_release(&tree.table);
    pyro_base_buf_release(&tree.bars);
    pyro_base_vec_release(&tree.levels);
    pyro_profile_walk_release(&tree.walk);
    return pyro_page_finish(&page, to);
}
