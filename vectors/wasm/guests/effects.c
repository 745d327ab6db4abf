/* Has effects, one after the other, as the message says: what is sent, to whom, and what is done to the core.

   r          reply: the content goes back to its sender, queued
   s          the same as a signal
   p <n> ..   the content goes to the peer whose name, n bytes, follows
   b          birth: the core at `child` of the core is sent to itself as a genesis message
   u          an update with the tree at `update` goes to the first peer
   x          the entry of the outbox for the sender is removed
   c          the path `wit` of the core is removed          (needs the grant code)
   h          a blob is put at `wasm/manifest`               (denied: host)
   f          the call fails after all that                  (guest:7)
   t          the call traps after all that                  (trap:unreachable) */
#include "figures.h"

static id core, outbox, sender, content;

static i32 send(const id *to, i32 queued, const char *headers, u32 bytes, const id *what)
{
    id previous, made;
    if (!queued || is_zero(&outbox) || find(&outbox, to, sizeof(id), &previous) < 0)
        previous = ZERO;
    i32 error = message(&previous, headers, bytes, what, &made);
    return error ? error : mail(&outbox, to, &made, &outbox);
}

static i32 peer(const u8 *name, u32 bytes, id *out)
{
    id peers;
    i32 error = find(&core, TEXT("wasm/peers"), &peers);
    return error < 0 ? error : find(&peers, name, bytes, out);
}

static i32 act(u8 what, u32 *at)
{
    id whom, child, unused;
    switch (what) {
    case 'r':
    case 's':
        return send(&sender, what == 'r', "", 0, &content);
    case 'p': {
        u32 bytes = asked[(*at)++];
        const u8 *name = asked + *at;
        *at += bytes;
        i32 error = peer(name, bytes, &whom);
        return error < 0 ? error : send(&whom, 1, "", 0, &content);
    }
    case 'b':
        if (find(&core, TEXT("child"), &child) != TREE)
            return KIND;
        return send(&child, 1, TEXT("mt\0genesis\0"), &child);
    case 'u': {
        u8 name[255];
        id peers;
        if (find(&core, TEXT("wasm/peers"), &peers) < 0 || find(&core, TEXT("update"), &child) < 0)
            return ABSENT;
        i32 bytes = entry(&peers, 0, name, sizeof name, &whom);
        return bytes < 0 ? bytes : send(&whom, 1, TEXT("mt\0update\0"), &child);
    }
    case 'x':
        return mail(&outbox, &sender, &ZERO, &outbox);
    case 'c':
        return place(&core, TEXT("wit"), &ZERO, &core);
    case 'h':
        blob("", 0, "", 0, &unused);
        return place(&core, TEXT("wasm/manifest"), &unused, &core);
    case 'f':
        fail(7, TEXT("as it was told"));
    case 't':
        __builtin_trap();
    }
    return INVALID;
}

EXPORT(wit) i32 wit(void)
{
    id what;
    u32 bytes = question(), count = 0;
    input(CORE, &core);
    input_or_zero(OUTBOX, &outbox);
    while (covered(count, &sender, &what) == 0)
        count++;
    link(&what, M_CONTENT, &content);
    finish(&outbox, &core);
    for (u32 at = 0; at < bytes;) {
        i32 error = act(asked[at], &at);
        if (error)
            return -error;
        at++;
        finish(&outbox, &core);
    }
    return 0;
}
