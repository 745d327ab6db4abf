/* prepare.h: prepared turns (spec/session/prepare.rst). */
#ifndef PREPARE_H
#define PREPARE_H

#include "condense.h"

/* Prepared turns (prepare.rst). Texts of the settings and the request are written as they are: they are escaped. */
static void put_tool(text tool)
{
    text part[3], param[3], value;
    fields(tool, "description name params", 3, part);
    PUT("\\n- `");
    put(inside(part[1]));
    PUT("` (");
    for (i32 is_first = 1; next_value(&part[2], &value); is_first = 0) {
        fields(value, "name required type", 3, param);
        if (!is_first)
            PUT(", ");
        put(inside(param[0]));
        if (is_true(param[1]))
            PUT("*");
    }
    PUT("): ");
    put(inside(part[0]));
}

static i32 put_system(const struct turn_request *turn)
{
    text prompt = turn->system.size ? inside(turn->system) : settings.system, rest = settings.tools, tool;
    i32 has_block = settings.shows_tools && settings.tools.size > 2;
    if (!prompt.size && !has_block)
        return 0;
    PUT("{\"content\":\"");
    put(prompt);
    if (has_block) {
        if (prompt.size)
            PUT("\\n\\n");
        PUT("Available tools (* = required param):");
        while (next_value(&rest, &tool))
            put_tool(tool);
    }
    PUT("\",\"role\":\"system\"}");
    return 1;
}

static void put_summary(const struct view *view)
{
    PUT("{\"content\":\"Conversation summary v");
    put_number(view->version);
    PUT(": ");
    if (view->is_condensed)
        put_text(view->data);
    else
        put_data(&summary.blob);
    PUT("\",\"role\":\"system\"}");
}

/* Appends the member `calls` of a message, made canonical where it is written. */
static void put_calls(const id *message)
{
    u32 start = heap, bytes = good(size(message));
    text data = {(u8 *)start, bytes};
    heap += bytes;
    reach(heap);
    good(read(message, 0, (void *)start, bytes));
    json(&data, DEPTH_OF_HISTORY);
    heap = start;
    if (fits(data.size))
        heap += data.size;
}

static void put_tool_message(text list, const id *message)
{
    text call, ok, tool;
    header(list, "call", &call);
    header(list, "ok", &ok);
    header(list, "tool", &tool);
    PUT("{\"call\":\"");
    put(call);
    PUT("\",\"content\":\"");
    put_data(message);
    PUT("\",\"ok\":");
    put(*ok.at == '1' ? LITERAL("true") : LITERAL("false"));
    PUT(",\"role\":\"tool\",\"tool\":\"");
    put(tool);
    PUT("\"}");
}

static void put_message(text list, i32 form, const id *message)
{
    if (form == TOOL)
        return put_tool_message(list, message);
    if (form == CALLS) {
        put_calls(message);
        heap -= !is_over; /* its closing brace */
        PUT(",\"content\":\"\"");
    } else {
        PUT("{\"content\":\"");
        put_data(message);
        PUT("\"");
    }
    put(form == USER ? LITERAL(",\"role\":\"user\"}") : LITERAL(",\"role\":\"assistant\"}"));
}

/* A comma before each message but the first. */
static void separate(i32 *is_first)
{
    if (!*is_first)
        PUT(",");
    *is_first = 0;
}

static void put_history(u64 first, i32 *is_first)
{
    id history, message;
    text list;
    if (in_core("session/history", &history) < 0)
        return;
    for (u64 index = first; index < now.history && !is_over; index++) {
        i32 form = find_message(&history, index, &message) < 0 ? GONE : form_of(&message, &list);
        if (form <= GONE)
            continue;
        separate(is_first);
        put_message(list, form, &message);
    }
}

static void put_messages(const struct turn_request *turn, const struct view *view)
{
    i32 is_first = !put_system(turn);
    if (view->has_summary) {
        separate(&is_first);
        put_summary(view);
    }
    put_history(view->first, &is_first);
    if (turn->is_user) {
        separate(&is_first);
        PUT("{\"content\":");
        put(turn->prompt);
        PUT(",\"role\":\"user\"}");
    }
}

/* Makes the blob of the prepared turn; returns whether it is not too long. */
static i32 prepared(const struct turn_request *turn, id *out)
{
    u32 mark = heap;
    id root;
    struct view view = condense(turn->is_user);
    good(in_core("session", &root));
    begin();
    PUT("{\"base\":\"");
    put_id(&root);
    PUT("\",\"count\":");
    put_number(now.count + 1);
    PUT(",\"force_json\":");
    put(turn->forces_json ? LITERAL("true") : LITERAL("false"));
    PUT(",\"kind\":");
    put(turn->is_user ? LITERAL("\"user\"") : LITERAL("\"continue\""));
    PUT(",\"messages\":[");
    put_messages(turn, &view);
    PUT("],\"session\":\"");
    put_id(&actor);
    PUT("\",\"tools\":");
    put(settings.tools);
    PUT("}");
    if (!is_over)
        *out = json_blob(mark);
    heap = mark;
    return !is_over;
}

/* The checks of `prepare` from the length of the prompt on. */
static refusal prepare(const struct turn_request *turn, id *out)
{
    if (turn->is_user && plain_size(turn->prompt) > MOST_PROMPT)
        return "exhausted/size";
    if (now.phase != (turn->is_user ? IDLE : READY))
        return "rejected/phase";
    return prepared(turn, out) ? 0 : "exhausted/size";
}

#endif
