/* Grows its memory by as many pages as the message says, writes into each new page, and tells what it found.

   The answer: the pages before, those after, the sum of the bytes that new pages had, and that of all marks. */
#include "figures.h"

EXPORT(wit) i32 wit(void)
{
    u32 more = number_at(0, 4, question()), found = 0, marks = 0;
    u32 before = __builtin_wasm_memory_size(0);
    u32 got = __builtin_wasm_memory_grow(0, more);
    u32 after = __builtin_wasm_memory_size(0);
    for (u32 page = before; page < after; page++) {
        volatile u8 *bytes = (u8 *)(page << 16);
        for (u32 i = 0; i < 65536; i += 4096)
            found += bytes[i] + bytes[i + 4095];
        bytes[0] = page + 1;
        bytes[65535] = page + 2;
    }
    for (u32 page = 2; page < after; page++)
        marks += ((volatile u8 *)(page << 16))[0] + ((volatile u8 *)(page << 16))[65535];
    u32 figures[5] = {before, got, after, found, marks};
    return answer(figures, sizeof figures);
}
