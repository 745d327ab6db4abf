/* Suspends inside a call, with locals of all types, operands and memory that have to survive.

   The message says in its first byte how deep the call goes before it waits, and in its second how often it waits there.
   At each wait, and when the call ends, the step has at `answer` how often it waited in all and what it computed. Built
   with --asyncify --pass-arg=asyncify-imports@grit.wait. */
#include "figures.h"

/* The area that the stack is unwound into: where its next byte goes, where it ends, and the bytes. */
struct area { u8 *next, *end; u8 bytes[131072]; };
__attribute__((visibility("default"))) struct area grit_wait_area = {
    grit_wait_area.bytes, grit_wait_area.bytes + sizeof grit_wait_area.bytes, {0}};

static u64 waited, value;

static void tell(void)
{
    u64 figures[2] = {waited, value};
    if (answer(figures, sizeof figures))
        __builtin_trap();
}

__attribute__((noinline)) static double surface(u32 times, double real)
{
    for (u32 i = 0; i < times; i++) {
        real = real * 1.25 + i;
        tell();
        wait();
        waited++;
        value = value * 31 + i;
    }
    return real;
}

typedef u64 diver(u32, u32, u64, float);

__attribute__((noinline)) static u64 dive(u32 depth, u32 times, u64 wide, float real)
{
    static diver *volatile deeper = dive;
    if (depth == 0)
        return (u64)(i64)surface(times, real) ^ wide;
    u64 below = deeper(depth - 1, times, wide * 3 + depth, real + 0.5f);
    return below + (wide << (depth & 31)) + (u64)(i64)(real * 4.0f);
}

EXPORT(wit) i32 wit(void)
{
    u32 bytes = question();
    u32 depth = number_at(0, 1, bytes), times = number_at(1, 1, bytes);
    value += dive(depth, times, 1, 0.25f) + dive(depth / 2, times / 2, 5, 2.5f);
    tell();
    return 0;
}
