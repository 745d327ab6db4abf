/* grit.h: what a guest in C needs. Everything here is said in full in the chapter on the ABI (spec/wasm/abi.rst).

   A guest is built without a library: see build.sh. It sees ids of objects, never bytes of a format. */
#ifndef GRIT_H
#define GRIT_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef int i32;
typedef long long i64;
typedef unsigned long long u64;
typedef struct { u8 bytes[32]; } id; /* 32 bytes 00 are the zero id: none, the empty tree, the empty mailbox */

#define GRIT(name) __attribute__((import_module("grit"), import_name(#name))) extern
#define EXPORT(name) __attribute__((export_name(#name)))

enum kind { BLOB = 1, TREE, MESSAGE, MAILBOX, STEP };
enum error { ABSENT = -1, KIND = -2, INVALID = -3, UNKNOWN = -4, LIMIT = -5, FAILED = -6, ERASED = -7 };

/* What the call is about. In a query: ACTOR, LAST the step, CORE its core, INBOX, OUTBOX, ARGS. */
enum input { ACTOR, PREVIOUS, CORE, INBOX, OUTBOX, READ_INBOX, ARGS, LAST };

GRIT(input) i32 input(u32 which, id *out);
GRIT(covered) i32 covered(u32 i, id *sender_out, id *message_out);

/* Reading. A result of 0 or more is a value, a negative one an error. */
enum edge { M_PREVIOUS = 0, M_CONTENT = 1, S_PREVIOUS = 0, S_ACTOR, S_INBOX, S_OUTBOX, S_CORE };
GRIT(kind) i32 kind(const id *object);
GRIT(size) i32 size(const id *object);
GRIT(read) i32 read(const id *blob, u32 offset, void *buf, u32 cap);
GRIT(headers) i32 headers(const id *object, void *buf, u32 cap);
GRIT(link) i32 link(const id *object, u32 field, id *out);
GRIT(entry) i32 entry(const id *object, u32 i, void *buf, u32 cap, id *out);
GRIT(find) i32 find(const id *object, const void *key, u32 len, id *out);

/* Making. They return 0 or an error. A header list is *(key 00 value 00). */
GRIT(place) i32 place(const id *tree, const void *path, u32 len, const id *child, id *out);
GRIT(mail) i32 mail(const id *mailbox, const id *actor, const id *message, id *out);
GRIT(blob) i32 blob(const void *data, u32 len, const void *headers, u32 hlen, id *out);
GRIT(message) i32 message(const id *previous, const void *headers, u32 hlen, const id *content, id *out);
GRIT(step) i32 step(const id *previous, const id *actor, const id *inbox, const id *outbox, const id *core, id *out);
GRIT(result) i32 result(const id *answer);

/* Queries: of whom the call answers, and, with the grant `query`, of others. */
GRIT(query_name) i32 query_name(void *buf, u32 cap);
GRIT(query) i32 query(const id *actor, const void *name, u32 len, const id *args, id *out);

/* With the grants `random`, `clock`, `attempt`; `wait` with `image`, in a module built for it. */
GRIT(random) i32 random(void *buf, u32 len);
GRIT(clock) u64 clock(void);
GRIT(attempt) u32 attempt(void);
GRIT(wait) i32 wait(void);

GRIT(fuel) u64 fuel(void);
GRIT(log) i32 log(const void *text, u32 len);
GRIT(fail) __attribute__((noreturn)) void fail(u32 code, const void *text, u32 len);

/* Helpers. */
static const id ZERO;

static inline i32 same(const void *a, const void *b, u32 n)
{
    const u8 *x = a, *y = b;
    while (n--)
        if (*x++ != *y++)
            return 0;
    return 1;
}

static inline i32 is_zero(const id *object) { return same(object, &ZERO, sizeof(id)); }

/* An input, or the zero id where there is none. */
static inline void input_or_zero(u32 which, id *out)
{
    if (input(which, out) < 0)
        *out = ZERO;
}

/* Answers with the step that reads all that is covered and has this outbox and core. */
static inline i32 finish(const id *outbox, const id *core)
{
    id actor, previous, inbox, made;
    input(ACTOR, &actor);
    input_or_zero(PREVIOUS, &previous);
    input(READ_INBOX, &inbox);
    i32 error = step(&previous, &actor, &inbox, outbox, core, &made);
    return error ? error : result(&made);
}

/* The compiler calls these four by name. They are weak, so that each source file of a guest can include this header. In a
   guest of one file, GRIT_SINGLE lets the compiler inline them. */
#ifdef GRIT_SINGLE
#define GRIT_LIBRARY
#else
#define GRIT_LIBRARY __attribute__((weak))
#endif

GRIT_LIBRARY void *memcpy(void *to, const void *from, __SIZE_TYPE__ n)
{
    u8 *t = to;
    const u8 *f = from;
    while (n--)
        *t++ = *f++;
    return to;
}

GRIT_LIBRARY void *memmove(void *to, const void *from, __SIZE_TYPE__ n)
{
    u8 *t = to;
    const u8 *f = from;
    if (t <= f)
        return memcpy(to, from, n);
    while (n--)
        t[n] = f[n];
    return to;
}

GRIT_LIBRARY void *memset(void *to, int value, __SIZE_TYPE__ n)
{
    u8 *t = to;
    while (n--)
        *t++ = (u8)value;
    return to;
}

GRIT_LIBRARY int memcmp(const void *a, const void *b, __SIZE_TYPE__ n)
{
    const u8 *x = a, *y = b;
    for (; n--; x++, y++)
        if (*x != *y)
            return *x < *y ? -1 : 1;
    return 0;
}

#define TEXT(literal) (literal), (sizeof(literal) - 1)

#endif
