/* response.h: responses of a model (spec/session/commit.rst). */
#ifndef RESPONSE_H
#define RESPONSE_H

#include "prepare.h"

/* Responses (commit.rst). */
enum action { FINAL, CALL, RETRY };

static struct { i32 action; text content, error; u32 count; text inputs[MOST_CALLS], tools[MOST_CALLS]; } response;

static i32 read_call(text input, text tool)
{
    if (response.count == MOST_CALLS || !is_object(input) || !is_string(tool))
        return 0;
    response.inputs[response.count] = input;
    response.tools[response.count++] = inside(tool);
    return 1;
}

static i32 read_calls(text all)
{
    text value, part[2];
    if (!is_array(all))
        return 0;
    while (next_value(&all, &value))
        if (!fields(value, "input tool", 2, part) || !read_call(part[0], part[1]))
            return 0;
    return response.count > 0;
}

/* Reads a canonical row. */
static i32 read_row(text row)
{
    text part[6], *action = part, *all = part + 1, *error = part + 2, *input = part + 3, *content = part + 4, *tool = part + 5;
    if (!fields(row, "action calls error input response tool", 6, part))
        return 0;
    u32 members = 0;
    for (u32 i = 0; i < 6; i++)
        members += part[i].size > 0;
    if (is_word(*action, LITERAL("final")) && is_string(*content) && members == 2) {
        response.action = FINAL;
        response.content = plain(*content);
        return 1;
    }
    if (is_word(*action, LITERAL("retry")) && members == 1 + (error->size > 0)) {
        response.action = RETRY;
        response.error = error->size ? *error : LITERAL("\"\"");
        return is_string(response.error);
    }
    response.action = CALL;
    if (is_word(*action, LITERAL("call_tools")))
        return members == 2 && read_calls(*all);
    return is_word(*action, LITERAL("call_tool")) && members == 3 && read_call(*input, *tool);
}

static i32 is_of_type(text value, text type)
{
    switch (type.at[1]) {
    case 'a':
        return type.at[2] == 'n' || is_array(value);
    case 'b':
        return is_boolean(value);
    case 'i':
        return is_integer(value);
    case 'n':
        return is_number(value);
    case 'o':
        return is_object(value);
    default:
        return is_string(value);
    }
}

/* Returns whether a parameter is required. A slice of `list_params` goes on with `,"required":..,"type":".."}`. */
static i32 is_required(text param, text *type)
{
    const u8 *required = skip_string(param.at) + sizeof ",\"required\":" - 1;
    type->at = skip_value(required) + sizeof ",\"type\":" - 1;
    type->size = skip_string(type->at) - type->at;
    return *required == 't';
}

/* Both lists are sorted by name, so that one walk over them is enough. */
static i32 is_fitting(text input, const text *params, u32 count)
{
    text name, value, type;
    u32 i = 0;
    while (next_member(&input, &name, &value)) {
        for (; i < count && compare_names(params[i].at, name.at) < 0; i++)
            if (is_required(params[i], &type))
                return 0;
        if (i == count || compare_names(params[i].at, name.at))
            return 0;
        is_required(params[i++], &type);
        if (!is_of_type(value, type))
            return 0;
    }
    for (; i < count; i++)
        if (is_required(params[i], &type))
            return 0;
    return 1;
}

static refusal check_call(text input, text name)
{
    text rest = settings.tools, tool, part[3], *params;
    while (next_value(&rest, &tool)) {
        fields(tool, "description name params", 3, part);
        if (!equal(inside(part[1]), name))
            continue;
        u32 mark = heap, count = list_params(part[2], &params);
        sort_names(params, count);
        i32 is_valid = is_fitting(input, params, count);
        heap = mark;
        return is_valid ? 0 : "invalid/argument";
    }
    return "invalid/tool";
}

static refusal check_action(i32 forces_json)
{
    refusal why = 0;
    if (response.action == FINAL && forces_json) {
        u32 mark = heap;
        text copy = {room(response.content.size), response.content.size};
        __builtin_memcpy((u8 *)copy.at, response.content.at, copy.size);
        i32 is_valid = json(&copy, DEPTH);
        heap = mark;
        return is_valid ? 0 : "invalid/not-json";
    }
    for (u32 i = 0; i < response.count && !why; i++)
        why = check_call(response.inputs[i], response.tools[i]);
    return why ? why : response.action == CALL && now.rounds >= settings.max_rounds ? "exhausted/rounds" : 0;
}

/* Reads a response and checks it, from check 12 on. `bare` is the meaning of a blob without headers, if it has one. */
static refusal read_response(const id *object, text bare, i32 forces_json)
{
    text data;
    i32 is_text = has_headers(object, LITERAL("ct\0s\0"));
    i32 is_row = has_headers(object, LITERAL("ct\0j\0")) || (bare.size && has_headers(object, LITERAL("")));
    response.count = 0;
    if (kind(object) != BLOB || !(is_text || is_row))
        return "malformed/response";
    if (size(object) > MOST_DATA)
        return "exhausted/size";
    load(object, &data);
    if (is_text) {
        response.action = FINAL;
        response.content = data;
        if (!is_utf8(data))
            return "malformed/utf8";
    } else if (!json(&data, DEPTH) || !read_row(data))
        return "malformed/response";
    return check_action(forces_json);
}

/* Writes the calls of the response with their ids, for the round that the next change begins. */
static void put_new_calls(void)
{
    PUT("\"calls\":[");
    for (u32 i = 0; i < response.count; i++) {
        if (i)
            PUT(",");
        PUT("{\"id\":\"");
        put_number(now.count + 1);
        PUT(".");
        put_number(i);
        PUT("\",\"input\":");
        put(response.inputs[i]);
        PUT(",\"tool\":\"");
        put(response.tools[i]);
        PUT("\"}");
    }
    PUT("]");
}

/* Makes the blob of the result; returns whether it is not too long. */
static i32 make_result(id *out)
{
    u32 mark = heap;
    begin();
    if (response.action == FINAL) {
        PUT("{\"action\":\"final\",\"content\":\"");
        put_text(response.content);
        PUT("\"");
    } else if (response.action == CALL) {
        PUT("{\"action\":\"call\",");
        put_new_calls();
    } else
        PUT("{\"action\":\"retry\"");
    PUT(",\"count\":");
    put_number(now.count + (response.action != RETRY));
    if (response.action == RETRY) {
        PUT(",\"error\":");
        put(response.error);
    }
    PUT("}");
    if (!is_over)
        *out = json_blob(mark);
    heap = mark;
    return !is_over;
}

static void append_data(text data, text list)
{
    id made;
    good(blob(data.at, data.size, list.at, list.size, &made));
    append(&made);
}

/* Opens the calls of the response. */
static void open_calls(void)
{
    u32 mark = heap;
    begin();
    PUT("{");
    put_new_calls();
    PUT("}");
    append_data((text){(u8 *)written, heap - written}, LITERAL("ct\0j\0role\0assistant\0"));
    heap = mark;
    for (call_count = 0; call_count < response.count; call_count++) {
        struct call *call = &calls[call_count];
        begin();
        put_number(now.count + 1);
        PUT(".");
        put_number(call_count);
        set_word(&call->name, (text){(u8 *)written, heap - written});
        heap = mark;
        set_word(&call->tool, response.tools[call_count]);
        call->is_answered = 0;
        id made = text_blob(text_of(&call->tool));
        set_below(LITERAL("session/calls/"), text_of(&call->name), &made);
    }
}

/* Puts the turn into the history. The state is written by `change`. */
static void accept_response(const struct turn_request *turn)
{
    if (turn->is_user) {
        u32 mark = heap;
        struct view view = condense(1);
        keep_condensed(&view);
        heap = mark;
        append_data(plain(turn->prompt), LITERAL("ct\0s\0role\0user\0"));
        heap = mark;
    }
    drop(LITERAL("session/results"));
    if (response.action == FINAL) {
        append_data(response.content, LITERAL("ct\0s\0role\0assistant\0"));
        now.phase = IDLE;
        now.rounds = 0;
        return;
    }
    open_calls();
    now.phase = CALLING;
    now.rounds++;
}

#endif
