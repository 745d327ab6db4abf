/* Makes NaN in every way that C has, of the bits that the message gives, and answers with the bits of the results. */
#include "figures.h"

static u64 bits64(double x)
{
    union { double x; u64 bits; } both = {x};
    return both.bits;
}

static u64 bits32(float x)
{
    union { float x; u32 bits; } both = {x};
    return both.bits;
}

EXPORT(wit) i32 wit(void)
{
    u32 bytes = question(), count = 0;
    union { u64 bits; double x; } a = {number_at(0, 8, bytes)}, b = {number_at(8, 8, bytes)};
    union { u32 bits; float x; } c = {number_at(16, 4, bytes)}, d = {number_at(20, 4, bytes)};
    u64 figures[32];
#define PUT64(value) figures[count++] = bits64(value)
#define PUT32(value) figures[count++] = bits32(value)
    PUT64(a.x + b.x);
    PUT64(a.x - b.x);
    PUT64(a.x * b.x);
    PUT64(a.x / b.x);
    PUT64(__builtin_sqrt(a.x));
    PUT64(__builtin_ceil(a.x));
    PUT64(__builtin_floor(a.x));
    PUT64(__builtin_trunc(b.x));
    PUT64(__builtin_rint(b.x));
    PUT64(__builtin_wasm_min_f64(a.x, b.x));
    PUT64(__builtin_wasm_max_f64(a.x, b.x));
    PUT64(-a.x);
    PUT64(__builtin_fabs(a.x));
    PUT64(__builtin_copysign(a.x, b.x));
    PUT64((double)c.x);
    PUT32(c.x + d.x);
    PUT32(c.x - d.x);
    PUT32(c.x * d.x);
    PUT32(c.x / d.x);
    PUT32(__builtin_sqrtf(c.x));
    PUT32(__builtin_ceilf(c.x));
    PUT32(__builtin_floorf(d.x));
    PUT32(__builtin_truncf(d.x));
    PUT32(__builtin_rintf(c.x));
    PUT32(__builtin_wasm_min_f32(c.x, d.x));
    PUT32(__builtin_wasm_max_f32(c.x, d.x));
    PUT32(-c.x);
    PUT32(__builtin_fabsf(c.x));
    PUT32(__builtin_copysignf(c.x, d.x));
    PUT32((float)a.x);
    return answer(figures, count * 8);
}
