/* Reads random bytes in pieces, as long as the bytes of the message say, and the clock once for each piece. */
#include "figures.h"

static u8 drawn[ASKED_BYTES * 4];

EXPORT(wit) i32 wit(void)
{
    u32 bytes = question(), at = 0;
    for (u32 i = 0; i < bytes && at + 264 < sizeof drawn; i++) {
        u64 now = clock();
        i32 error = random(drawn + at, asked[i]);
        if (error)
            fail(-error, TEXT("random"));
        at += asked[i];
        memcpy(drawn + at, &now, sizeof now);
        at += sizeof now;
    }
    return answer(drawn, at);
}
