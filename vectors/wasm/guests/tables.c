/* Calls through its table: the message gives indices, one byte each, which start at 1 for the first function.

   Index 0 is the null element, 5 is of another type, and what is past the table is out of bounds. */
#include "figures.h"

typedef u32 unary(u32);

static u32 twice(u32 x) { return x * 2; }
static u32 next(u32 x) { return x + 1; }
static u32 inverse(u32 x) { return ~x; }
static u32 rotated(u32 x) { return x << 7 | x >> 25; }
static u64 other(u64 x, u64 y) { return x * y; }

/* The linker numbers the functions of its table in the order in which their addresses are taken. */
static unary *const FUNCTIONS[] = {twice, next, inverse, rotated, (unary *)(void *)other};

EXPORT(wit) i32 wit(void)
{
    u32 bytes = question(), value = 1;
    for (u32 i = 0; i < bytes; i++) {
        u32 which = asked[i];
        unary *function = which - 1 < 5 ? FUNCTIONS[which - 1] : (unary *)which;
        value = function(value);
    }
    return answer_number(value);
}
