/* session.h: what a call knows of the session, and the forms of its texts (spec/session/core.rst). */
#ifndef SESSION_H
#define SESSION_H

#include "json.h"

#define MOST_PROMPT 1048576
#define MOST_DATA 4194304
#define MOST_FAILURE 1048576
#define MOST_NUMBER 9007199254740991ull
#define MOST_STATE 4503599627370496ull
#define MOST_PRESENT 10000
#define MOST_CALLS 16
#define MOST_TURNS 8
#define MOST_TOOLS 256
#define DEPTH 32
#define DEPTH_OF_HISTORY 64

typedef const char *refusal; /* class/code, or 0 */

enum phase { IDLE, CALLING, READY };
enum form { OTHER, GONE, USER, ASSISTANT, CALLS, TOOL };

typedef struct { u32 size; u8 bytes[128]; } word; /* a name, the text of an id, or a corr */

struct call { word name, tool, effect; i32 is_answered; };
struct turn { word name; u64 count; id response, result; };

/* The actor and what the call has made so far. */
static id actor, core, outbox, host, sent;
static i32 has_host;

/* The session, as its tree has it. */
static struct { u64 count, covered, history, rounds; u32 phase; } now;
static struct { u64 keep, max_messages, max_rounds, summary_chars; i32 shows_tools; text system, tools; } settings;
static struct { i32 is_there; u64 version; id blob; } summary;
static struct { i32 is_open, has_corr; word message, corr, effect; } ask;
static struct call calls[MOST_CALLS];
static struct turn turns[MOST_TURNS + 1];
static u32 call_count, turn_count;
static u32 settled; /* the top of memory behind the settings */

/* The message that is read. */
static struct { id self, content; text headers, at, corr; } request;

static text literal_of(const char *string)
{
    u32 bytes = 0;
    while (string[bytes])
        bytes++;
    return (text){(const u8 *)string, bytes};
}

static text text_of(const word *name) { return (text){name->bytes, name->size}; }

static void set_word(word *name, text value)
{
    name->size = value.size;
    memcpy(name->bytes, value.at, value.size);
}

static word id_text(const id *object)
{
    word digits;
    u32 mark = heap;
    begin();
    put_id(object);
    set_word(&digits, (text){(u8 *)written, 64});
    heap = mark;
    return digits;
}

/* Forms of texts. */
static i32 is_id_text(text value)
{
    for (u32 i = 0; i < value.size; i++)
        if (!((value.at[i] >= '0' && value.at[i] <= '9') || (value.at[i] >= 'a' && value.at[i] <= 'f')))
            return 0;
    return value.size == 64;
}

static i32 is_corr(text value)
{
    for (u32 i = 0; i < value.size; i++)
        if (value.at[i] < 0x21 || value.at[i] > 0x7E)
            return 0;
    return value.size >= 1 && value.size <= 128;
}

static i32 is_header_number(text value)
{
    u64 unused;
    return natural(value, MOST_NUMBER, &unused);
}

/* Splits two numbers with a dot between them. */
static i32 split_call(text value, text *round, text *place)
{
    u32 dot = 0;
    while (dot < value.size && value.at[dot] != '.')
        dot++;
    if (dot == value.size)
        return 0;
    *round = (text){value.at, dot};
    *place = (text){value.at + dot + 1, value.size - dot - 1};
    return is_header_number(*round) && is_header_number(*place);
}

static i32 is_call_name(text value)
{
    text round, place;
    return split_call(value, &round, &place);
}

static i32 is_name(text value)
{
    if (!value.size || value.size > 64 || *value.at < 'a' || *value.at > 'z')
        return 0;
    for (u32 i = 1; i < value.size; i++) {
        u8 c = value.at[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-'))
            return 0;
    }
    return 1;
}

static i32 is_name_string(text value) { return is_string(value) && is_name(inside(value)); }

/* Reading below `session`. */
SPLIT i32 find_text(const id *tree, text path, id *out) { return find(tree, path.at, path.size, out); }

SHARED i32 in_core(const char *path, id *out)
{
    return find_text(&core, literal_of(path), out);
}

static i32 load_json(const id *object, text *data)
{
    return has_headers(object, LITERAL("ct\0j\0")) && load(object, data) && json(data, DEPTH);
}

/* Reads a text blob of up to 128 bytes. */
static i32 load_word(const id *object, word *value)
{
    i32 bytes = size(object);
    if (kind(object) != BLOB || bytes < 0 || bytes > 128 || !has_headers(object, LITERAL("ct\0s\0")))
        return 0;
    value->size = bytes;
    return read(object, 0, value->bytes, bytes) == bytes && is_utf8(text_of(value));
}

static u32 entries_of(const id *tree)
{
    i32 count = kind(tree) == TREE ? size(tree) : 0;
    return count < 0 ? 0 : count;
}

/* Returns whether a tree has an entry and no other entries than those of a list of names. */
static i32 has_only(const id *tree, const char *names)
{
    u32 expected = 0;
    id unused;
    for (const char *at = names; *at; at += *at == ' ') {
        u32 bytes = 0;
        while (at[bytes] && at[bytes] != ' ')
            bytes++;
        expected += find(tree, at, bytes, &unused) >= 0;
        at += bytes;
    }
    return expected && expected == entries_of(tree);
}

#endif
