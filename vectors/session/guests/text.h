/* text.h: memory, slices of bytes, and the text that is being written. For guests of one source file, on grit.h.

   Memory is a stack: `room` takes from its top, and setting `heap` back gives everything above it back. Text is written
   at the top too, so nothing has to be known about its length before. */
#ifndef TEXT_H
#define TEXT_H

#include "grit.h"

typedef struct { const u8 *at; u32 size; } text;

/* A slice is passed in memory; a function of two words is smaller and faster, so small wrappers split slices. */
#define SPLIT static inline __attribute__((always_inline))
#define SHARED static __attribute__((noinline))

#define LITERAL(literal) ((text){(const u8 *)(literal), sizeof(literal) - 1})
#define MOST_WRITTEN 8000000 /* bytes of one JSON text */

extern u8 __heap_base;
static u32 heap;

static __attribute__((noreturn)) void stop(u32 code) { fail(code, TEXT("the session cannot go on")); }

SHARED i32 good(i32 result)
{
    if (result < 0)
        stop(2);
    return result;
}

/* Makes memory usable up to an address. */
static void reach(u32 end)
{
    u32 pages = (end + 0xFFFF) >> 16, now = __builtin_wasm_memory_size(0);
    if (pages > now && __builtin_wasm_memory_grow(0, pages - now) == (__SIZE_TYPE__)-1)
        stop(3);
}

SHARED void *room(u32 bytes)
{
    u32 start = (heap + 7) & ~7u;
    heap = start + bytes;
    reach(heap);
    return (void *)start;
}

/* Slices. */
SHARED i32 equal_bytes(const u8 *a, u32 size, const u8 *b, u32 other) { return size == other && same(a, b, size); }

SPLIT i32 equal(text a, text b) { return equal_bytes(a.at, a.size, b.at, b.size); }

static i32 is_digits(text digits)
{
    for (u32 i = 0; i < digits.size; i++)
        if (digits.at[i] < '0' || digits.at[i] > '9')
            return 0;
    return digits.size && (digits.size == 1 || *digits.at != '0');
}

/* Reads a natural number without a leading zero that is at most `most`. */
static i32 natural(text digits, u64 most, u64 *value)
{
    if (digits.size > 16 || !is_digits(digits))
        return 0;
    *value = 0;
    for (u32 i = 0; i < digits.size; i++)
        *value = *value * 10 + (digits.at[i] - '0');
    return *value <= most;
}

/* Returns the bytes of the UTF-8 character at a place, or 0 for none. */
static u32 character(const u8 *at, const u8 *end)
{
    u32 first = *at, bytes = first < 0x80 ? 1 : first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
    if (bytes < 2)
        return bytes;
    if ((u32)(end - at) < bytes)
        return 0;
    for (u32 i = 1; i < bytes; i++)
        if ((at[i] & 0xC0) != 0x80)
            return 0;
    u32 second = at[1];
    if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F))
        return 0;
    return (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F) ? 0 : bytes;
}

static i32 is_utf8(text data)
{
    const u8 *at = data.at, *end = at + data.size;
    while (at < end) {
        u32 bytes = character(at, end);
        if (!bytes)
            return 0;
        at += bytes;
    }
    return 1;
}

/* Writing. What would be longer than MOST_WRITTEN is cut off and sets `is_over`. */
static u32 written;
static i32 is_over;

static void begin(void)
{
    written = heap;
    is_over = 0;
}

SHARED i32 fits(u32 bytes)
{
    is_over |= heap - written + bytes > MOST_WRITTEN;
    if (!is_over)
        reach(heap + bytes);
    return !is_over;
}

SHARED void put_bytes(const u8 *at, u32 size)
{
    if (!fits(size))
        return;
    __builtin_memcpy((void *)heap, at, size);
    heap += size;
}

SPLIT void put(text piece) { put_bytes(piece.at, piece.size); }

#define PUT(literal) put(LITERAL(literal))

SHARED void put_number(u64 value)
{
    u8 digits[20];
    u32 at = sizeof digits;
    do
        digits[--at] = '0' + value % 10;
    while (value /= 10);
    put((text){digits + at, sizeof digits - at});
}

SHARED void put_id(const id *object)
{
    u8 digits[64];
    for (u32 i = 0; i < 32; i++) {
        digits[2 * i] = "0123456789abcdef"[object->bytes[i] >> 4];
        digits[2 * i + 1] = "0123456789abcdef"[object->bytes[i] & 15];
    }
    put((text){digits, sizeof digits});
}

static u8 short_escape(u8 c)
{
    return c == '"' || c == '\\' ? c : c == 8 ? 'b' : c == 9 ? 't' : c == 10 ? 'n' : c == 12 ? 'f' : c == 13 ? 'r' : 0;
}

static i32 is_plain(u8 c) { return c >= 0x20 && c != '"' && c != '\\'; }

/* Writes a character of a JSON text, escaped as far as needed, before an address. */
static u8 *put_before(u8 *to, u8 c)
{
    if (is_plain(c)) {
        *--to = c;
        return to;
    }
    if (short_escape(c)) {
        *--to = short_escape(c);
        *--to = '\\';
        return to;
    }
    *--to = "0123456789abcdef"[c & 15];
    *--to = '0' + (c >> 4);
    to -= 4;
    memcpy(to, "\\u00", 4);
    return to;
}

/* Appends the bytes that are at the top of memory already, escaped in place from the end. */
static void put_escaped(u32 bytes)
{
    u8 *from = (u8 *)heap;
    u32 more = 0;
    for (u32 i = 0; i < bytes; i++)
        if (!is_plain(from[i]))
            more += short_escape(from[i]) ? 1 : 5;
    if (!fits(bytes + more))
        return;
    heap += bytes + more;
    u8 *to = (u8 *)heap;
    for (u32 i = more ? bytes : 0; i--;)
        to = put_before(to, from[i]);
}

/* Appends a text with the escapes of JSON. */
static void put_text(text raw)
{
    if (!fits(raw.size))
        return;
    __builtin_memcpy((void *)heap, raw.at, raw.size);
    put_escaped(raw.size);
}

/* Appends the data of a blob with the escapes of JSON. */
static void put_data(const id *object)
{
    i32 bytes = size(object);
    if (bytes <= 0 || !fits(bytes))
        return;
    good(read(object, 0, (void *)heap, bytes));
    put_escaped(bytes);
}

/* Reading objects. */
SHARED i32 has_list(const id *object, const u8 *list, u32 size)
{
    u8 found[32];
    i32 bytes = headers(object, found, sizeof found);
    return bytes >= 0 && equal_bytes(found, bytes, list, size);
}

SPLIT i32 has_headers(const id *object, text list) { return has_list(object, list.at, list.size); }

/* Reads the data of a blob to the top of memory; returns whether it is a blob that was not erased. */
static i32 load(const id *object, text *data)
{
    if (kind(object) != BLOB)
        return 0;
    i32 bytes = size(object);
    if (bytes < 0)
        return 0;
    u8 *copy = room(bytes);
    *data = (text){copy, bytes};
    return read(object, 0, copy, bytes) == bytes;
}

static text load_headers(const id *object)
{
    u32 bytes = good(headers(object, &__heap_base, 0));
    u8 *list = room(bytes);
    headers(object, list, bytes);
    return (text){list, bytes};
}

/* Finds the value of a header in a list. */
SHARED i32 header(text list, const char *key, text *value)
{
    const u8 *at = list.at, *end = at + list.size;
    while (at < end) {
        const char *expected = key;
        i32 is_key = 1;
        for (; *at; at++)
            is_key = is_key && *expected && *at == (u8)*expected++;
        value->at = ++at;
        while (*at)
            at++;
        value->size = at++ - value->at;
        if (is_key && !*expected)
            return 1;
    }
    return 0;
}

#endif
