/* results.h: tool results (spec/session/results.rst). */
#ifndef RESULTS_H
#define RESULTS_H

#include "commit.h"

/* Tool results (results.rst). */
static refusal read_result(const id *object, text bare, text *data, text *ct)
{
    i32 is_text = has_headers(object, LITERAL("ct\0s\0")) || (bare.size && has_headers(object, LITERAL("")));
    i32 is_json = has_headers(object, LITERAL("ct\0j\0"));
    if (kind(object) != BLOB || !(is_text || is_json))
        return "malformed/result";
    if (size(object) > MOST_DATA)
        return "exhausted/size";
    load(object, data);
    *ct = is_text ? LITERAL("s") : LITERAL("j");
    if (is_text)
        return is_utf8(*data) ? 0 : "malformed/result";
    text copy = {room(data->size), data->size};
    __builtin_memcpy((u8 *)copy.at, data->at, copy.size);
    return json(&copy, DEPTH) ? 0 : "malformed/result";
}

static id tool_message(const struct call *call, text data, text ct, text ok)
{
    id made;
    u32 mark = heap;
    begin();
    put_header(LITERAL("call"), text_of(&call->name));
    put_header(LITERAL("ct"), ct);
    put_header(LITERAL("ok"), ok);
    put_header(LITERAL("role"), LITERAL("tool"));
    put_header(LITERAL("tool"), text_of(&call->tool));
    good(blob(data.at, data.size, (void *)written, heap - written, &made));
    heap = mark;
    return made;
}

/* Appends the results of the round to the history, and closes its calls. */
static void close_calls(void)
{
    id found;
    u32 mark = heap;
    for (u32 i = 0; i < call_count; i++) {
        good(find_text(&core, joined(LITERAL("session/results/"), text_of(&calls[i].name)), &found));
        heap = mark;
        append(&found);
    }
    call_count = 0;
    drop(LITERAL("session/calls"));
}

static void store_result(struct call *call, text data, text ct, text ok)
{
    id made = tool_message(call, data, ct, ok);
    u32 open = 0;
    set_below(LITERAL("session/results/"), text_of(&call->name), &made);
    call->is_answered = 1;
    for (u32 i = 0; i < call_count; i++)
        open += !calls[i].is_answered;
    if (!open) {
        close_calls();
        now.phase = READY;
    }
    change();
}

static i32 is_same_result(const id *stored, text data, text ct, text ok)
{
    text list, value, copy;
    i32 bytes = headers(stored, &__heap_base, 0);
    if (bytes < 0)
        return 0;
    list = load_headers(stored);
    if (!header(list, "ct", &value) || !equal(value, ct) || !header(list, "ok", &value) || !equal(value, ok))
        return 0;
    return load(stored, &copy) && equal(copy, data);
}

static void reply_recorded(text name, i32 is_repeated)
{
    u32 mark = heap;
    begin();
    PUT("{\"call\":\"");
    put(name);
    PUT("\"}");
    id content = json_blob(mark);
    reply_with(LITERAL("recorded"), &content, is_repeated);
}

static struct call *call_named(text name)
{
    for (u32 i = 0; i < call_count; i++)
        if (equal(text_of(&calls[i].name), name))
            return &calls[i];
    return 0;
}

static void tool_result(void)
{
    text name, ok, data, ct;
    id stored;
    if (!header(request.headers, "call", &name) || !is_call_name(name) || !header(request.headers, "ok", &ok) ||
        !(equal(ok, LITERAL("0")) || equal(ok, LITERAL("1"))))
        return refuse("malformed/header");
    refusal why = read_result(&request.content, LITERAL(""), &data, &ct);
    if (why)
        return refuse(why);
    if (ask.is_open)
        return refuse("rejected/phase");
    if (find_text(&core, joined(LITERAL("session/results/"), name), &stored) >= 0) {
        if (is_same_result(&stored, data, ct, ok))
            return reply_recorded(name, 1);
        return refuse("rejected/conflict");
    }
    struct call *call = call_named(name);
    if (!call)
        return refuse("missing/call");
    store_result(call, data, ct, ok);
    reply_recorded(name, 0);
}

#endif
