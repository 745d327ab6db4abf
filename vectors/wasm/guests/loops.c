/* Spins as often as the message says, and tells the units that were left before and after, and what it computed. */
#include "figures.h"

EXPORT(wit) i32 wit(void)
{
    u64 turns = number_at(0, 8, question()), value = 1;
    u64 before = fuel();
    for (u64 i = 0; i < turns; i++)
        value = (value << 1 | value >> 63) + i;
    u64 after = fuel();
    u64 figures[3] = {before, after, value};
    return answer(figures, sizeof figures);
}
