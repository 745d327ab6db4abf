/* The puppet (spec/wit/puppet.rst): does what the messages it reads tell it.

   Every failure is guest:1. Built with -DSTAMP it is the one that shows which of two codes ran. */
#include "grit.h"

enum ref { OPERANDS = 0xF0, F_ACTOR = 0xF0, F_SENDER, F_CONTENT, F_CORE };

/* What the transition has made so far, and the op X that counts. */
static id actor, last, core, inbox, outbox;
static i32 is_first, is_cut, spoils;
static id spoil_sender, spoil_message;

/* The turn of one message: its program, and how far it was read. */
static id sender, self, content, operands;
static const u8 *program;
static u32 length, at;

static __attribute__((noreturn)) void stop(void) { fail(1, TEXT("the puppet fails")); }

static i32 good(i32 result)
{
    if (result < 0)
        stop();
    return result;
}

/* Memory that is given back as a whole, after each op and each message. */
extern u8 __heap_base;
static u32 heap;

static u8 *room(u32 bytes)
{
    u8 *start = (u8 *)heap;
    heap += bytes;
    u32 pages = (heap + 0xFFFF) >> 16, now = __builtin_wasm_memory_size(0);
    if (pages > now && __builtin_wasm_memory_grow(0, pages - now) == (__SIZE_TYPE__)-1)
        stop();
    return start;
}

static u8 *headers_of(const id *object, u32 *bytes)
{
    *bytes = good(headers(object, &__heap_base, 0));
    u8 *list = room(*bytes);
    headers(object, list, *bytes);
    return list;
}

/* Operands of ops. */
static const u8 *take(u32 bytes)
{
    if (length - at < bytes)
        stop();
    at += bytes;
    return program + at - bytes;
}

static u32 number(u32 width)
{
    const u8 *digits = take(width);
    u32 value = 0;
    while (width--)
        value = value << 8 | *digits++;
    return value;
}

typedef struct { const u8 *bytes; u32 length; } text;

static text string(u32 width)
{
    u32 bytes = number(width);
    return (text){take(bytes), bytes};
}

/* A tree can be placed at every path, so this fails for what is no path of the format. */
static text path(void)
{
    id unused;
    text names = string(1);
    good(place(&ZERO, names.bytes, names.length, &actor, &unused));
    return names;
}

/* A header {mt: text}; fails for what is no header value of the format. */
static text type_header(text value)
{
    u8 *list = room(value.length + 4);
    id unused;
    memcpy(list, "mt", 3);
    for (u32 i = 0; i < value.length; i++)
        if (!(list[3 + i] = value.bytes[i]))
            stop();
    list[3 + value.length] = 0;
    good(blob("", 0, list, value.length + 4, &unused));
    return (text){list, value.length ? value.length + 4 : 0};
}

static id ref(void)
{
    id found;
    u32 which = number(1);
    if (which < OPERANDS) {
        const char *digits = "0123456789abcdef";
        u8 name[2] = {digits[which >> 4], digits[which & 15]};
        good(find(&operands, name, 2, &found));
        return found;
    }
    if (which > F_CORE || (which == F_CORE && is_zero(&core)))
        stop();
    return which == F_ACTOR ? actor : which == F_SENDER ? sender : which == F_CONTENT ? content : core;
}

/* The working core. */
static i32 look(text where, id *out) { return is_zero(&core) ? ABSENT : find(&core, where.bytes, where.length, out); }

static void put(text where, const id *child) { good(place(&core, where.bytes, where.length, child, &core)); }

static void delete(text where)
{
    id found;
    if (look(where, &found) >= 0)
        put(where, &ZERO);
}

static void write(text where, const void *data, u32 bytes)
{
    id made;
    good(blob(data, bytes, "", 0, &made));
    put(where, &made);
}

static void append(text where, const void *data, u32 bytes)
{
    id found;
    i32 what = look(where, &found);
    if (what < 0)
        return write(where, data, bytes);
    u32 had = good(size(&found)), hlen;
    if (what != BLOB)
        stop();
    const u8 *list = headers_of(&found, &hlen);
    u8 *all = room(had + bytes);
    read(&found, 0, all, had);
    memcpy(all + had, data, bytes);
    good(blob(all, had + bytes, list, hlen, &found));
    put(where, &found);
}

static void post(const id *to, i32 queued, text list, const id *what)
{
    id previous, made;
    if (!queued || is_zero(&outbox) || find(&outbox, to, sizeof(id), &previous) < 0)
        previous = ZERO;
    good(message(&previous, list.bytes, list.length, what, &made));
    good(mail(&outbox, to, &made, &outbox));
}

/* Ops. */
static void op_send(void)
{
    id to = ref();
    u32 mode = number(1);
    text list = type_header(string(1));
    id what = ref();
    if ((mode != 'q' && mode != 's') || kind(&to) != TREE)
        stop();
    post(&to, mode == 'q', list, &what);
}

static void op_release(void)
{
    id to = ref();
    if (!is_zero(&outbox))
        mail(&outbox, &to, &ZERO, &outbox);
}

static void op_bounce(void)
{
    text where = {(const u8 *)"bounces", 7};
    u32 limit = number(4), count = 0;
    id found;
    u8 digits[4] = {0};
    i32 what = look(where, &found);
    if (what >= 0) {
        if (what != BLOB || size(&found) != 4)
            stop();
        read(&found, 0, digits, 4);
    }
    for (u32 i = 0; i < 4; i++)
        count = count << 8 | digits[i];
    if (++count == 0)
        stop();
    for (u32 i = 0; i < 4; i++)
        digits[i] = count >> (24 - 8 * i);
    write(where, digits, 4);
    if (count < limit) {
        text list;
        list.bytes = headers_of(&self, &list.length);
        post(&sender, 1, list, &content);
    }
}

static void op_query(void)
{
    id whom = ref(), answer;
    text name = string(1);
    type_header(name);
    id args = ref();
    text where = path();
    if (kind(&args) != BLOB)
        stop();
    good(size(&args));
    i32 what = query(&whom, name.bytes, name.length, &args, &answer);
    if (what == ABSENT)
        delete(where);
    else if (what < 0)
        write(where, TEXT("error"));
    else
        put(where, &answer);
}

/* Runs one op; returns whether the message is held. */
static i32 run_op(u32 op, i32 quiet)
{
    text where;
    id found;
    switch (op) {
    case 'P':
        where = path();
        found = ref();
        put(where, &found);
        return 0;
    case 'W':
    case 'A': {
        where = path();
        text data = string(2);
        (op == 'W' ? write : append)(where, data.bytes, data.length);
        return 0;
    }
    case 'D':
        delete(path());
        return 0;
    case 'S':
        op_send();
        return 0;
    case 'R':
        op_release();
        return 0;
    case 'B':
        op_bounce();
        return 0;
    case 'Q':
        op_query();
        return 0;
    case 'L':
        where = path();
        if (!quiet)
            stop();
        return look(where, &found) < 0;
    case 'T':
        if (attempt() <= number(1))
            stop();
        return 0;
    case 'Z':
        take(2);
        return 0;
    case 'X':
        spoils = 0x100 | number(1);
        spoil_sender = sender;
        spoil_message = self;
        return 0;
    }
    stop();
}

/* Finds the blob `program` of a program tree. */
static i32 is_program(const id *tree, id *out) { return find(tree, TEXT("program"), out) == BLOB; }

/* Finds the program of the message: that of a handler for its type, else that of its content. */
static i32 find_program(id *out)
{
    u32 bytes;
    const u8 *list = headers_of(&self, &bytes), *end = list + bytes;
    while (list < end && !same(list, "mt", 3)) {
        while (*list++) {}
        while (*list++) {}
    }
    id handlers;
    if (list < end && !is_zero(&core) && find(&core, TEXT("on"), &handlers) == TREE) {
        u32 type = 0, is_name = 1;
        for (list += 3; list[type]; type++)
            is_name &= list[type] != '/';
        if (is_name && find(&handlers, list, type, &operands) == TREE && is_program(&operands, out))
            return 1;
    }
    operands = content;
    return is_program(&content, out);
}

/* Runs the program for the message; returns whether it is held. */
static i32 run_message(void)
{
    id found;
    i32 quiet = 1;
    heap = (u32)&__heap_base;
    if (!find_program(&found))
        return 0;
    heap = (u32)&__heap_base;
    length = good(size(&found));
    u8 *bytes = room(length);
    read(&found, 0, bytes, length);
    program = bytes;
    at = 0;
    for (u32 after = heap; at < length; heap = after) {
        u32 op = number(1);
        if (run_op(op, quiet))
            return 1;
        quiet &= op == 'L' || op == 'T' || op == 'Z';
    }
    return 0;
}

/* The result of the transition is the step, or what X makes of it. */
static id absent_id(void)
{
    id inverted;
    for (u32 i = 0; i < sizeof(id); i++)
        inverted.bytes[i] = ~spoil_message.bytes[i];
    return inverted;
}

static i32 is_proposed(const id *whom)
{
    id from, covers;
    for (u32 i = 0; covered(i, &from, &covers) == 0; i++)
        if (same(&from, whom, sizeof(id)))
            return 1;
    return 0;
}

static i32 has(const id *box, const id *whom)
{
    id found;
    return !is_zero(box) && find(box, whom, sizeof(id), &found) >= 0;
}

static void need(i32 holds)
{
    if (!holds)
        stop();
}

static i32 spoil(id previous)
{
    id x = spoil_sender, m = spoil_message, gone = absent_id(), before, made;
    switch (spoils) {
    case 0x101:
        previous = is_first ? core : is_cut ? last : ZERO;
        break;
    case 0x102:
        need(!same(&x, &actor, sizeof(id)));
        actor = x;
        break;
    case 0x103:
        input_or_zero(INBOX, &inbox);
        break;
    case 0x104:
        need(!has(&inbox, &core) && !is_proposed(&core));
        good(mail(&inbox, &core, &m, &inbox));
        break;
    case 0x105:
        input_or_zero(INBOX, &before);
        need(has(&before, &x));
        good(mail(&inbox, &x, &ZERO, &inbox));
        break;
    case 0x106:
        good(link(&m, M_CONTENT, &before));
        good(message(&m, "", 0, &before, &made));
        good(mail(&inbox, &x, &made, &inbox));
        break;
    case 0x107: {
        id key;
        input_or_zero(OUTBOX, &before);
        need(!is_zero(&before));
        good(entry(&before, 0, &key, sizeof(id), &made));
        good(link(&made, M_PREVIOUS, &before));
        good(mail(&outbox, &key, &before, &outbox));
        break;
    }
    case 0x108:
        post(&x, 1, (text){(const u8 *)"", 0}, &gone);
        break;
    case 0x109:
        good(blob("", 0, "", 0, &core));
        break;
    case 0x10A:
        good(place(&core, TEXT("wit"), &ZERO, &core));
        need(!is_zero(&core));
        break;
    case 0x10B:
        core = gone;
        break;
    case 0x10C:
        return result(&core);
    case 0x10D:
        return result(&gone);
    case 0x10E:
        need(!is_first);
        good(link(&last, S_PREVIOUS, &previous));
        break;
    default:
        stop();
    }
    good(step(&previous, &actor, &inbox, &outbox, &core, &made));
    return result(&made);
}

static i32 transition(void)
{
    id held = ZERO, previous, made;
    i32 covers = 0;
    input(ACTOR, &actor);
    input(CORE, &core);
    input_or_zero(INBOX, &inbox);
    input_or_zero(OUTBOX, &outbox);
    input_or_zero(PREVIOUS, &previous);
    is_first = input(LAST, &last) < 0;
    is_cut = !is_first && is_zero(&previous);
    for (u32 i = 0; covered(i, &sender, &self) == 0; i++) {
        if (same(&sender, &held, sizeof(id)))
            continue;
        good(link(&self, M_CONTENT, &content));
        if (run_message()) {
            held = sender;
            continue;
        }
#ifdef STAMP
        append((text){(const u8 *)"stamp", 5}, ".", 1);
#endif
        good(mail(&inbox, &sender, &self, &inbox));
        covers = 1;
    }
    need(covers || !is_first);
    if (!covers)
        return 0;
    need(!is_zero(&core));
    if (spoils)
        return spoil(previous);
    good(step(&previous, &actor, &inbox, &outbox, &core, &made));
    return result(&made);
}

EXPORT(wit) i32 wit(void) { return transition(); }

EXPORT(wit_update) i32 wit_update(void) { return transition(); }

/* Queries. */
static const char WUT[] =
    "{\"messages\":{\"\":{\"content\":\"any\"}},\"name\":\"puppet\",\"queries\":{\"echo\":{\"args\":\"blob\",\"returns\":"
    "\"blob\"},\"fail\":{\"args\":\"none\",\"returns\":\"blob\"},\"get\":{\"args\":\"blob\",\"returns\":\"any\"},\"step\":{"
    "\"args\":\"none\",\"returns\":\"blob\"},\"wut\":{\"args\":\"none\",\"returns\":\"blob\"}},\"wut\":1}";

/* Follows a path name by name, since it may be longer than the host takes. */
static i32 get(const id *args)
{
    u32 bytes = good(size(args)), name = 0;
    id found = core, unused;
    i32 what = TREE;
    heap = (u32)&__heap_base;
    u8 *names = room(bytes);
    read(args, 0, names, bytes);
    while (bytes && name <= bytes) {
        u32 end = name;
        while (end < bytes && names[end] != '/')
            end++;
        good(place(&ZERO, names + name, end - name, &core, &unused));
        if (what >= 0)
            what = find(&found, names + name, end - name, &found);
        name = end + 1;
    }
    if (what < 0)
        return 0;
    good(size(&found));
    return result(&found);
}

static i32 step_text(void)
{
    id made;
    u8 digits[64];
    for (u32 i = 0; i < 64; i++)
        digits[i] = "0123456789abcdef"[last.bytes[i / 2] >> (i & 1 ? 0 : 4) & 15];
    good(blob(digits, 64, TEXT("ct\0s\0"), &made));
    return result(&made);
}

EXPORT(wit_query) i32 wit_query(void)
{
    id args, made;
    u8 name[8];
    u32 bytes = query_name(name, sizeof name);
    input(CORE, &core);
    input(LAST, &last);
    input(ARGS, &args);
#define IS(word) (bytes == sizeof(word) - 1 && same(name, word, sizeof(word) - 1))
    if (IS("wut")) {
        good(blob(TEXT(WUT), TEXT("ct\0j\0"), &made));
        return result(&made);
    }
    if (IS("get"))
        return get(&args);
    if (IS("echo"))
        return result(&args);
    if (IS("step"))
        return step_text();
    if (IS("fail"))
        stop();
    return 0;
}
