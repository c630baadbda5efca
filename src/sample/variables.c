/*
 * variables: what the functions on the stacks hold, read when sampling ends.  A frame is only asked
 * if it is the one that the last tick saw: those of threads that wait are.  When all of a frame's
 * are told, that is told too.
 */
#include "sample_priv.h"

struct telling {
    const struct pyro_sampler_options *options;
    struct pyro_variable variable;
};

static void tell(void *ctx, const char *name, const char *value)
{
    struct telling *telling = ctx;
    telling->variable.name = name;
    telling->variable.value = value;
    telling->options->variable(telling->options->variable_ctx, &telling->variable);
}

void variables_tell(struct pyro_sampler *s)
{
    if (s->options.variable == NULL)
        return;
    for (int i = 0; i < s->thread_count; i++) {
        const struct thread *t = s->threads[i];
        struct telling telling = {.options = &s->options};
        telling.variable.tid = t->task > 0 ? t->task : t->tid;
        for (int k = 0; k < t->depth && t->stack_known; k++) {
            const struct item *item = &t->stack[k];
            if (item->code->facts.hidden)
                continue;
            telling.variable.function = item->code->facts.qualname;
            if (pyro_target_variables(s->target, item->at, &item->code->facts, tell, &telling) == 0)
                tell(&telling, NULL, NULL);
            telling.variable.frame++;
        }
    }
}
