/* Computes: a sieve, a sort, a hash and divisions of 64 bits, over as many numbers as the message says (at most 60,000). */
#include "figures.h"

static u8 composite[60000];
static u32 numbers[60000];

static u32 sieve(u32 n)
{
    u32 primes = 0;
    for (u32 i = 2; i < n; i++) {
        if (composite[i])
            continue;
        primes++;
        for (u32 j = i + i; j < n; j += i)
            composite[j] = 1;
    }
    return primes;
}

static void sort(u32 *from, u32 n)
{
    for (u32 gap = n / 2; gap; gap /= 2)
        for (u32 i = gap; i < n; i++) {
            u32 value = from[i], j = i;
            for (; j >= gap && from[j - gap] > value; j -= gap)
                from[j] = from[j - gap];
            from[j] = value;
        }
}

EXPORT(wit) i32 wit(void)
{
    u32 n = number_at(0, 4, question());
    if (n > 60000)
        return 1;
    u32 seed = 0x9E3779B9u + n;
    u64 hash = 14695981039346656037ull;
    for (u32 i = 0; i < n; i++) {
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        numbers[i] = seed;
    }
    sort(numbers, n);
    for (u32 i = 0; i < n; i++)
        hash = (hash ^ numbers[i]) * 1099511628211ull % 0xFFFFFFFFFFFFFFC5ull + hash / (numbers[i] | 1);
    return answer_number(hash ^ sieve(n));
}
