/* json.h: JSON as a session reads and writes it (spec/session/json.rst).

   A text is read once, in place: `json` checks it and leaves its canonical form, which is never longer. Everything else
   walks over canonical text, where members are sorted and nothing is to be checked any more. */
#ifndef JSON_H
#define JSON_H

#include "text.h"

#define LONGEST_NUMBER 32

/* What is read, and where its canonical form is written: never behind what is read. */
static const u8 *source, *source_end;
static u8 *target;

static i32 read_value(u32 depth);

static void skip_space(void)
{
    while (source < source_end && (*source == ' ' || *source == '\t' || *source == '\n' || *source == '\r'))
        source++;
}

static i32 take(u8 c)
{
    if (source == source_end || *source != c)
        return 0;
    source++;
    return 1;
}

/* Strings. */
static i32 read_unit(u32 *unit)
{
    *unit = 0;
    if (source_end - source < 4)
        return 0;
    for (u32 i = 0; i < 4; i++) {
        u8 c = *source++, letter = c | 0x20;
        if (c >= '0' && c <= '9')
            *unit = *unit << 4 | (c - '0');
        else if (letter >= 'a' && letter <= 'f')
            *unit = *unit << 4 | (letter - 'a' + 10);
        else
            return 0;
    }
    return 1;
}

static void write_character(u32 c)
{
    if (c < 0x80) {
        u8 all[6], *first = put_before(all + 6, c);
        while (first < all + 6)
            *target++ = *first++;
        return;
    }
    if (c < 0x800)
        *target++ = 0xC0 | c >> 6;
    else if (c < 0x10000)
        *target++ = 0xE0 | c >> 12;
    else {
        *target++ = 0xF0 | c >> 18;
        *target++ = 0x80 | (c >> 12 & 0x3F);
    }
    if (c >= 0x800)
        *target++ = 0x80 | (c >> 6 & 0x3F);
    *target++ = 0x80 | (c & 0x3F);
}

/* Reads what follows a backslash and `u`: a unit of UTF-16, or a pair of them. */
static i32 read_units(void)
{
    u32 unit, low;
    if (!read_unit(&unit) || unit >> 10 == 0x37)
        return 0;
    if (unit >> 10 == 0x36) {
        if (!take('\\') || !take('u') || !read_unit(&low) || low >> 10 != 0x37)
            return 0;
        unit = 0x10000 + ((unit & 0x3FF) << 10 | (low & 0x3FF));
    }
    write_character(unit);
    return 1;
}

static i32 read_escape(void)
{
    if (source == source_end)
        return 0;
    u8 c = *source++;
    switch (c) {
    case 'u':
        return read_units();
    case 'b':
        c = 8;
        break;
    case 't':
        c = 9;
        break;
    case 'n':
        c = 10;
        break;
    case 'f':
        c = 12;
        break;
    case 'r':
        c = 13;
        break;
    case '"':
    case '\\':
    case '/':
        break;
    default:
        return 0;
    }
    write_character(c);
    return 1;
}

static i32 read_string(void)
{
    if (!take('"'))
        return 0;
    *target++ = '"';
    while (source < source_end) {
        u32 bytes;
        if (take('"')) {
            *target++ = '"';
            return 1;
        }
        if (take('\\')) {
            if (!read_escape())
                return 0;
            continue;
        }
        if (*source < 0x20 || !(bytes = character(source, source_end)))
            return 0;
        while (bytes--)
            *target++ = *source++;
    }
    return 0;
}

/* Numbers and words keep their spelling. */
static i32 read_digits(void)
{
    const u8 *first = source;
    while (source < source_end && *source >= '0' && *source <= '9')
        *target++ = *source++;
    return source > first;
}

static i32 copy_if(u8 c)
{
    if (!take(c))
        return 0;
    *target++ = c;
    return 1;
}

static i32 read_number(void)
{
    const u8 *first = source;
    copy_if('-');
    if (!copy_if('0') && !read_digits())
        return 0;
    if (copy_if('.') && !read_digits())
        return 0;
    if (copy_if('e') || copy_if('E')) {
        if (!copy_if('-'))
            copy_if('+');
        if (!read_digits())
            return 0;
    }
    return source - first <= LONGEST_NUMBER;
}

static i32 read_word(text word)
{
    for (u32 i = 0; i < word.size; i++)
        if (!copy_if(word.at[i]))
            return 0;
    return 1;
}

/* Names of members, in the order of their UTF-16 code units. A name begins at its quote. */
static u32 next_rank(const u8 **at)
{
    u32 c = *(*at)++;
    if (c == '"')
        return 0;
    if (c == '\\') {
        c = *(*at)++;
        if (c == 'u') {
            u32 low = (*at)[3];
            c = ((*at)[2] - '0') << 4 | (low <= '9' ? low - '0' : low - 'a' + 10);
            *at += 4;
        } else if (c != '"' && c != '\\')
            c = c == 'b' ? 8 : c == 't' ? 9 : c == 'n' ? 10 : c == 'f' ? 12 : 13;
    }
    return 1 + (c < 0xEE ? c : c < 0xF0 ? c + 16 : c - 2); /* surrogates come before U+E000 */
}

static i32 compare_names(const u8 *a, const u8 *b)
{
    for (a++, b++;;) {
        u32 first = next_rank(&a), second = next_rank(&b);
        if (first != second)
            return first < second ? -1 : 1;
        if (!first)
            return 0;
    }
}

/* Merges two sorted runs of a list that lie side by side. */
static void merge(const text *list, u32 start, u32 middle, u32 end, text *out)
{
    u32 left = start, right = middle;
    for (u32 i = start; i < end; i++) {
        i32 takes_left = left < middle && (right >= end || compare_names(list[left].at, list[right].at) <= 0);
        out[i] = list[takes_left ? left++ : right++];
    }
}

/* Sorts slices that begin with a name; returns whether no name is there twice. */
static i32 sort_names(text *list, u32 count)
{
    u32 mark = heap;
    text *from = list, *to = room(count * sizeof(text));
    for (u32 width = 1; width < count; width *= 2) {
        for (u32 start = 0; start < count; start += 2 * width) {
            u32 middle = start + width < count ? start + width : count;
            merge(from, start, middle, middle + width < count ? middle + width : count, to);
        }
        text *sorted = to;
        to = from;
        from = sorted;
    }
    if (from != list)
        __builtin_memcpy(list, from, count * sizeof(text));
    heap = mark;
    for (u32 i = 1; i < count; i++)
        if (!compare_names(list[i - 1].at, list[i].at))
            return 0;
    return 1;
}

/* Objects and arrays. */
static i32 read_array(u32 depth)
{
    copy_if('[');
    skip_space();
    if (copy_if(']'))
        return 1;
    do {
        if (!read_value(depth))
            return 0;
        skip_space();
    } while (copy_if(','));
    return copy_if(']');
}

/* Puts the members that were written from `start` on into their order. */
static i32 reorder(text *members, u32 count, u8 *start)
{
    if (!sort_names(members, count))
        return 0;
    u32 bytes = target - start;
    u8 *copy = room(bytes), *to = copy;
    for (u32 i = 0; i < count; i++) {
        if (i)
            *to++ = ',';
        __builtin_memcpy(to, members[i].at, members[i].size);
        to += members[i].size;
    }
    __builtin_memcpy(start, copy, bytes);
    return 1;
}

static i32 read_member(u32 depth)
{
    skip_space();
    if (!read_string())
        return 0;
    skip_space();
    return copy_if(':') && read_value(depth);
}

static i32 read_members(u32 depth, text *members)
{
    u8 *start = target;
    u32 count = 0;
    i32 is_sorted = 1;
    do {
        u8 *at = target;
        heap = (u32)(members + count + 1);
        reach(heap);
        if (!read_member(depth))
            return 0;
        members[count] = (text){at, target - at};
        is_sorted &= !count || compare_names(members[count - 1].at, at) < 0;
        count++;
        skip_space();
    } while (copy_if(','));
    return (is_sorted || reorder(members, count, start)) && copy_if('}');
}

static i32 read_object(u32 depth)
{
    copy_if('{');
    skip_space();
    if (copy_if('}'))
        return 1;
    u32 mark = heap;
    i32 is_valid = read_members(depth, room(0));
    heap = mark;
    return is_valid;
}

static i32 read_value(u32 depth)
{
    skip_space();
    if (source == source_end)
        return 0;
    switch (*source) {
    case '"':
        return read_string();
    case '[':
        return depth && read_array(depth - 1);
    case '{':
        return depth && read_object(depth - 1);
    case 't':
        return read_word(LITERAL("true"));
    case 'f':
        return read_word(LITERAL("false"));
    case 'n':
        return read_word(LITERAL("null"));
    default:
        return read_number();
    }
}

/* Returns whether data is a JSON text with at most `depth` nested objects and arrays, and makes it canonical in place. */
static i32 json(text *data, u32 depth)
{
    source = data->at;
    source_end = source + data->size;
    target = (u8 *)source;
    if (!read_value(depth))
        return 0;
    skip_space();
    data->size = target - data->at;
    return source == source_end;
}

/* Walking over canonical text. */
static const u8 *skip_string(const u8 *at)
{
    for (at++; *at != '"'; at++)
        if (*at == '\\')
            at++;
    return at + 1;
}

/* Skips a value in an object or array; returns the place of the `,`, `]` or `}` behind it. */
static const u8 *skip_value(const u8 *at)
{
    for (u32 open = 0;;) {
        u8 c = *at;
        if (!open && (c == ',' || c == ']' || c == '}'))
            return at;
        open += (c == '[' || c == '{') - (c == ']' || c == '}');
        at = c == '"' ? skip_string(at) : at + 1;
    }
}

/* Takes the next value of an array. `rest` begins with the whole array. */
static i32 next_value(text *rest, text *value)
{
    const u8 *end = rest->at + rest->size;
    if (*rest->at == ']' || rest->at[1] == ']')
        return 0;
    value->at = rest->at + 1;
    rest->at = skip_value(value->at);
    value->size = rest->at - value->at;
    rest->size = end - rest->at;
    return 1;
}

/* Takes the next member of an object. `rest` begins with the whole object; the name has its quotes. */
static i32 next_member(text *rest, text *name, text *value)
{
    const u8 *end = rest->at + rest->size;
    if (*rest->at == '}' || rest->at[1] == '}')
        return 0;
    name->at = rest->at + 1;
    value->at = skip_string(name->at);
    name->size = value->at++ - name->at;
    rest->at = skip_value(value->at);
    value->size = rest->at - value->at;
    rest->size = end - rest->at;
    return 1;
}

static i32 is_object(text value) { return value.size && *value.at == '{'; }

static i32 is_array(text value) { return value.size && *value.at == '['; }

static i32 is_string(text value) { return value.size && *value.at == '"'; }

static i32 is_true(text value) { return equal(value, LITERAL("true")); }

static i32 is_boolean(text value) { return is_true(value) || equal(value, LITERAL("false")); }

static i32 is_number(text value) { return value.size && (*value.at == '-' || (*value.at >= '0' && *value.at <= '9')); }

static i32 is_integer(text value)
{
    for (u32 i = 0; i < value.size; i++)
        if (value.at[i] == '.' || value.at[i] == 'e' || value.at[i] == 'E')
            return 0;
    return is_number(value);
}

/* What is between the quotes of a string. */
static text inside(text string) { return (text){string.at + 1, string.size - 2}; }

static i32 is_word(text string, text word) { return is_string(string) && equal(inside(string), word); }

/* Returns the place of a word in a list of words with one blank between them, or -1. */
static i32 place_of(text word, const char *words)
{
    for (i32 place = 0;; place++) {
        u32 size = 0;
        while (words[size] && words[size] != ' ')
            size++;
        if (equal(word, (text){(const u8 *)words, size}))
            return place;
        if (!words[size])
            return -1;
        words += size + 1;
    }
}

/* Splits an object whose members are among these names; a member that is not there has the size 0. */
static i32 fields(text object, const char *names, u32 count, text *values)
{
    text name, value;
    __builtin_memset(values, 0, count * sizeof(text));
    if (!is_object(object))
        return 0;
    while (next_member(&object, &name, &value)) {
        i32 place = place_of(inside(name), names);
        if (place < 0)
            return 0;
        values[place] = value;
    }
    return 1;
}

/* Returns the bytes of a string without its escapes. All escapes of canonical text stand for one byte. */
static u32 plain_size(text string)
{
    text escaped = inside(string);
    u32 bytes = 0;
    for (u32 i = 0; i < escaped.size; i++, bytes++)
        if (escaped.at[i] == '\\')
            i += escaped.at[i + 1] == 'u' ? 5 : 1;
    return bytes;
}

/* Returns a copy of a string without its escapes. */
static text plain(text string)
{
    u32 bytes = plain_size(string);
    u8 *copy = room(bytes);
    const u8 *at = string.at + 1;
    for (u32 i = 0; i < bytes; i++) {
        if (*at != '\\') {
            copy[i] = *at++;
            continue;
        }
        u32 rank = next_rank(&at);
        copy[i] = rank - 1;
    }
    return (text){copy, bytes};
}

#endif
