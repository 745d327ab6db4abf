/* ask.h: asks and abandon (spec/session/ask.rst, spec/session/results.rst). */
#ifndef ASK_H
#define ASK_H

#include "results.h"

/* Asks (ask.rst). */
static void send_answered(const id *content)
{
    u32 mark = heap;
    begin_headers(LITERAL("answered"));
    put_header(LITERAL("reply"), text_of(&ask.message));
    if (ask.has_corr)
        put_header(LITERAL("corr"), text_of(&ask.corr));
    send(content, mark);
}

static void close_ask(void)
{
    drop(LITERAL("session/ask"));
    drop(LITERAL("effects"));
    ask.is_open = 0;
}

static void give_up(void)
{
    for (u32 i = 0; i < call_count; i++) {
        if (calls[i].is_answered)
            continue;
        id made = tool_message(&calls[i], LITERAL("abandoned"), LITERAL("s"), LITERAL("0"));
        set_below(LITERAL("session/results/"), text_of(&calls[i].name), &made);
    }
    close_calls();
    drop(LITERAL("session/results"));
    close_ask();
    now.phase = IDLE;
    now.rounds = 0;
    change();
}

/* Ends the ask that is open without a final text. */
static void answer_ask(text action, const text *error)
{
    u32 mark = heap;
    begin();
    PUT("{\"action\":\"");
    put(action);
    PUT("\",\"count\":");
    put_number(now.count);
    if (error) {
        PUT(",\"error\":\"");
        put_text(*error);
        PUT("\"");
    }
    PUT("}");
    id content = json_blob(mark);
    send_answered(&content);
}

static void fail_ask(text error)
{
    give_up();
    answer_ask(LITERAL("failed"), &error);
}

static void abandon(void)
{
    i32 was_open = ask.is_open;
    if (now.phase == IDLE && !was_open)
        return refuse("rejected/phase");
    give_up();
    reply_count(LITERAL("abandoned"));
    if (was_open)
        answer_ask(LITERAL("abandoned"), 0);
}

/* The request of the turn that the open ask is at. */
static i32 current_request(struct turn_request *turn)
{
    if (!load_ask_request(turn))
        return 0;
    turn->is_user = now.phase == IDLE;
    return 1;
}

static void send_effect_model(const id *turn)
{
    u32 mark = heap;
    begin_headers(LITERAL("effect.model"));
    send(turn, mark);
    ask.effect = id_text(&sent);
    drop(LITERAL("effects"));
    set_word_at(LITERAL("effects/model"), text_of(&ask.effect));
}

static void request_model(void)
{
    struct turn_request turn;
    id view;
    if (current_request(&turn) && prepared(&turn, &view))
        send_effect_model(&view);
    else
        fail_ask(LITERAL("exhausted/size"));
}

static void send_effect_tools(void)
{
    drop(LITERAL("effects"));
    for (u32 i = 0; i < call_count; i++) {
        struct call *call = &calls[i];
        u32 mark = heap;
        begin();
        PUT("{\"call\":\"");
        put(text_of(&call->name));
        PUT("\",\"input\":");
        put(response.inputs[i]);
        PUT(",\"tool\":\"");
        put(text_of(&call->tool));
        PUT("\"}");
        id content = json_blob(mark);
        begin_headers(LITERAL("effect.tool"));
        put_header(LITERAL("call"), text_of(&call->name));
        send(&content, mark);
        call->effect = id_text(&sent);
        id made = text_blob(text_of(&call->effect));
        set_below(LITERAL("effects/"), text_of(&call->name), &made);
    }
}

static void open_ask(const struct turn_request *turn)
{
    id before = core, view;
    ask.message = id_text(&request.self);
    set_word_at(LITERAL("session/ask/message"), text_of(&ask.message));
    set(LITERAL("session/ask/request"), &request.content);
    ask.has_corr = request.corr.size > 0;
    if (ask.has_corr) {
        set_word(&ask.corr, request.corr);
        set_word_at(LITERAL("session/ask/corr"), request.corr);
    }
    change();
    if (!prepared(turn, &view)) {
        core = before;
        now.count--;
        return refuse("exhausted/size");
    }
    ask.is_open = 1;
    reply_count(LITERAL("asked"));
    send_effect_model(&view);
}

static void begin_ask(void)
{
    struct turn_request turn;
    if (!load_request(&request.content, &turn) || !turn.is_user)
        return refuse("malformed/request");
    if (plain_size(turn.prompt) > MOST_PROMPT)
        return refuse("exhausted/size");
    if (ask.is_open || now.phase != IDLE)
        return refuse("rejected/phase");
    open_ask(&turn);
}

static void try_again(text error)
{
    if (now.rounds >= settings.max_rounds)
        return fail_ask(error);
    now.rounds++;
    change();
    request_model();
}

static void answer_model(void)
{
    struct turn_request turn;
    id result;
    if (!current_request(&turn))
        stop(4);
    refusal why = read_response(&request.content, LITERAL("j"), turn.forces_json);
    if (!why && !make_result(&result))
        why = "exhausted/size";
    if (!why && response.action == RETRY)
        why = "exhausted/rounds";
    if (why)
        return try_again(literal_of(why));
    accept_response(&turn);
    if (response.action == FINAL) {
        close_ask();
        change();
        return send_answered(&result);
    }
    change();
    send_effect_tools();
}

/* The text of a failure: the data, if it is UTF-8 and not too long. */
static text failure(void)
{
    text data;
    i32 bytes = kind(&request.content) == BLOB ? size(&request.content) : -1;
    if (bytes < 0 || bytes > MOST_FAILURE || !load(&request.content, &data) || !is_utf8(data))
        return LITERAL("");
    return data;
}

static void answer_tool(struct call *call, i32 is_ok)
{
    text data, ct = LITERAL("s");
    refusal why = 0;
    if (is_ok)
        why = read_result(&request.content, LITERAL("s"), &data, &ct);
    else
        data = failure();
    if (why) {
        data = literal_of(why);
        ct = LITERAL("s");
    }
    set_below(LITERAL("effects/"), text_of(&call->name), &ZERO);
    store_result(call, data, ct, is_ok && !why ? LITERAL("1") : LITERAL("0"));
    if (now.phase == READY)
        request_model();
}

static void answer(i32 is_ok)
{
    text name;
    if (!ask.is_open || !header(request.headers, "reply", &name))
        return;
    if (now.phase != CALLING) {
        if (!equal(name, text_of(&ask.effect)))
            return;
        return is_ok ? answer_model() : fail_ask(failure());
    }
    for (u32 i = 0; i < call_count; i++)
        if (!calls[i].is_answered && equal(name, text_of(&calls[i].effect)))
            return answer_tool(&calls[i], is_ok);
}

#endif
