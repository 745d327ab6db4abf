/* Recurses as deep as the message says, in two functions that call each other with values of all types. */
#include "figures.h"

static u32 odd(u32 n, u64 wide, double real);

__attribute__((noinline)) static u32 even(u32 n, u64 wide, float real)
{
    return n == 0 ? (u32)wide ^ (u32)(i32)real : odd(n - 1, wide * 6364136223846793005ull + n, real * 0.5) + 1;
}

__attribute__((noinline)) static u32 odd(u32 n, u64 wide, double real)
{
    return n == 0 ? (u32)(wide >> 32) ^ (u32)(i32)real : even(n - 1, wide ^ wide >> 7, real + 1.5) * 3;
}

EXPORT(wit) i32 wit(void)
{
    u32 n = number_at(0, 4, question());
    return answer_number(even(n, 1, 1.0f));
}
