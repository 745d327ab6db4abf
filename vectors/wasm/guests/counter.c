/* Counts its steps: a u32 in memory goes to `count` of the core. The worked example of the spec (spec/wasm/examples.rst). */
#include "grit.h"

static u32 count;
static id actor, previous, core, outbox, inbox, value, made;

EXPORT(wit) i32 wit(void)
{
    count++;
    input(ACTOR, &actor);
    input(PREVIOUS, &previous);
    input(CORE, &core);
    input(OUTBOX, &outbox);
    input(READ_INBOX, &inbox);
    if (blob(&count, sizeof count, "", 0, &value) || place(&core, "count", 5, &value, &core))
        return 1;
    if (step(&previous, &actor, &inbox, &outbox, &core, &made))
        return 2;
    return result(&made);
}
