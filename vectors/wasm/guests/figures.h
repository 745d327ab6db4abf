/* figures.h: what the small guests share. A message asks with a blob; the step answers with a blob in the core. */
#ifndef FIGURES_H
#define FIGURES_H

#include "grit.h"

enum { ASKED_BYTES = 4096 };
static u8 asked[ASKED_BYTES];

/* The content of the last covered message, if it is a blob, else no bytes; what is longer than 4,096 bytes is cut. */
static inline u32 question(void)
{
    id from, what, content;
    u32 count = 0;
    while (covered(count, &from, &what) == 0)
        count++;
    if (count == 0 || link(&what, M_CONTENT, &content) != BLOB)
        return 0;
    i32 bytes = read(&content, 0, asked, ASKED_BYTES);
    return bytes < 0 ? 0 : (u32)bytes;
}

/* Up to eight bytes of the question, least significant first. */
static inline u64 number_at(u32 offset, u32 width, u32 bytes)
{
    u64 value = 0;
    for (u32 i = 0; i < width && offset + i < bytes; i++)
        value |= (u64)asked[offset + i] << (8 * i);
    return value;
}

/* The step that has these bytes at `answer`. */
static inline i32 answer(const void *data, u32 bytes)
{
    id core, outbox, value;
    input(CORE, &core);
    input_or_zero(OUTBOX, &outbox);
    if (blob(data, bytes, "", 0, &value) || place(&core, TEXT("answer"), &value, &core))
        return 100;
    return finish(&outbox, &core) ? 101 : 0;
}

static inline i32 answer_number(u64 value) { return answer(&value, sizeof value); }

#endif
