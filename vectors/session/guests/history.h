/* history.h: messages of the history (spec/session/core.rst). */
#ifndef HISTORY_H
#define HISTORY_H

#include "settings.h"

/* Messages of the history. */
static u8 history_headers[192];

static i32 is_tool_message(text list)
{
    text call, ct, ok, role, tool;
    if (!header(list, "call", &call) || !header(list, "ct", &ct) || !header(list, "ok", &ok))
        return 0;
    if (!header(list, "role", &role) || !header(list, "tool", &tool))
        return 0;
    if (list.size != sizeof "call\0ct\0ok\0role\0tool\0" - 1 + call.size + ct.size + ok.size + role.size + tool.size + 5)
        return 0;
    if (!is_call_name(call) || !is_name(tool) || !equal(role, LITERAL("tool")))
        return 0;
    return (equal(ct, LITERAL("s")) || equal(ct, LITERAL("j"))) && (equal(ok, LITERAL("0")) || equal(ok, LITERAL("1")));
}

/* Returns the form of a message by its headers, which are in `history_headers` then. */
SHARED i32 form_of(const id *message, text *list)
{
    i32 bytes = headers(message, history_headers, sizeof history_headers);
    if (bytes < 0 || bytes > (i32)sizeof history_headers)
        return bytes == ERASED ? GONE : OTHER;
    *list = (text){history_headers, bytes};
    if (equal(*list, LITERAL("ct\0s\0role\0user\0")))
        return USER;
    if (equal(*list, LITERAL("ct\0s\0role\0assistant\0")))
        return ASSISTANT;
    if (equal(*list, LITERAL("ct\0j\0role\0assistant\0")))
        return CALLS;
    return is_tool_message(*list) ? TOOL : OTHER;
}

static i32 are_calls(text data)
{
    text part[3], value, all[1];
    u32 count = 0;
    if (!fields(data, "calls", 1, all) || !is_array(all[0]))
        return 0;
    while (next_value(&all[0], &value)) {
        if (++count > MOST_CALLS || !fields(value, "id input tool", 3, part))
            return 0;
        if (!is_string(part[0]) || !is_call_name(inside(part[0])) || !is_object(part[1]) || !is_name_string(part[2]))
            return 0;
    }
    return count > 0;
}

static i32 is_message(const id *message)
{
    text list, ct, data;
    u32 mark = heap;
    i32 form = kind(message) == BLOB ? form_of(message, &list) : OTHER;
    if (form == OTHER || form == GONE)
        return form == GONE;
    i32 is_valid = load(message, &data);
    if (form == CALLS)
        is_valid = is_valid && json(&data, DEPTH_OF_HISTORY) && are_calls(data);
    else if (form == TOOL && header(list, "ct", &ct) && *ct.at == 'j')
        is_valid = is_valid && json(&data, DEPTH_OF_HISTORY);
    else
        is_valid = is_valid && is_utf8(data);
    heap = mark;
    return is_valid;
}

/* The name of an entry of `history`, in a buffer that the next call uses again. */
static text index_path(u64 index)
{
    static u8 path[] = "session/history/00000000000000000000";
    u8 *at = path + sizeof path - 1, *first = at - 10;
    do
        *--at = '0' + index % 10;
    while (index /= 10);
    while (at > first)
        *--at = '0';
    memcpy(at - 16, "session/history/", 16);
    return (text){at - 16, path + sizeof path - 1 - at + 16};
}

static text index_name(u64 index)
{
    text path = index_path(index);
    return (text){path.at + 16, path.size - 16};
}

static i32 find_message(const id *history, u64 index, id *out) { return find_text(history, index_name(index), out); }

static i32 is_history(void)
{
    id history, message;
    u64 count = now.history - now.covered;
    if (in_core("session/history", &history) < 0)
        return !count;
    if (!count || entries_of(&history) != count)
        return 0;
    for (u64 index = now.covered; index < now.history; index++)
        if (find_message(&history, index, &message) < 0 || !is_message(&message))
            return 0;
    return 1;
}

#endif
