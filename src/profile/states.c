/*
 * States: what a sample's three facts (runnable, holds the GIL, in the collector) say the thread
 * did.  docs/internals/states.md has the table that this file puts into code.
 */
#include "profile_priv.h"

const char *const pyro_profile_state_names[PYRO_STATES] = {
    [PYRO_STATE_ANY] = "any",         [PYRO_STATE_CPU] = "cpu",   [PYRO_STATE_HOLDS_GIL] = "gil",
    [PYRO_STATE_WAITING] = "waiting", [PYRO_STATE_IDLE] = "idle", [PYRO_STATE_COLLECTING] = "gc",
};

static int is(uint32_t facts, int shift, unsigned wanted)
{
    unsigned fact = pyro_state_fact(facts, shift);
    return fact == PYRO_STATE_YES || fact == PYRO_STATE_NO ? fact == wanted : -1;
}

int pyro_profile_shows(uint32_t facts, enum pyro_state state)
{
    int sleeps = is(facts, PYRO_STATE_RUNNABLE, PYRO_STATE_NO);
    int without = is(facts, PYRO_STATE_GIL, PYRO_STATE_NO);
    switch (state) {
    case PYRO_STATE_CPU:
        return is(facts, PYRO_STATE_RUNNABLE, PYRO_STATE_YES);
    case PYRO_STATE_HOLDS_GIL:
        return is(facts, PYRO_STATE_GIL, PYRO_STATE_YES);
    case PYRO_STATE_WAITING:
        return sleeps;
    case PYRO_STATE_IDLE:
        return sleeps == 0 || without == 0 ? 0 : sleeps == 1 && without == 1 ? 1 : -1;
    case PYRO_STATE_COLLECTING:
        return is(facts, PYRO_STATE_GC, PYRO_STATE_YES);
    case PYRO_STATE_ANY:
    case PYRO_STATES:
        break;
    }
    return 1;
}

void pyro_profile_count_states(struct pyro_profile *p)
{
    uint64_t by_facts[PYRO_FACTS] = {0};
    for (size_t t = 0; t < p->thread_count; t++)
        for (size_t i = 0; i < p->threads[t].run_count; i++)
            by_facts[p->threads[t].runs[i].state % PYRO_FACTS] += p->threads[t].runs[i].count;
    for (int state = 0; state < PYRO_STATES; state++) {
        p->states[state] = p->states_known[state] = 0;
        for (uint32_t facts = 0; facts < PYRO_FACTS; facts++) {
            int shown = pyro_profile_shows(facts, (enum pyro_state)state);
            p->states[state] += shown == 1 ? by_facts[facts] : 0;
            p->states_known[state] += shown >= 0 ? by_facts[facts] : 0;
        }
    }
}
