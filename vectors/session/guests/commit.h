/* commit.h: commits (spec/session/commit.rst). */
#ifndef COMMIT_H
#define COMMIT_H

#include "response.h"

/* Commits. */
static i32 is_older(const struct turn *a, const struct turn *b)
{
    return a->count < b->count || (a->count == b->count && memcmp(a->name.bytes, b->name.bytes, 64) < 0);
}

static void forget_oldest(void)
{
    u32 oldest = 0;
    for (u32 i = 1; i < turn_count; i++)
        if (is_older(&turns[i], &turns[oldest]))
            oldest = i;
    set_below(LITERAL("session/turns/"), text_of(&turns[oldest].name), &ZERO);
    turns[oldest] = turns[--turn_count];
}

static void record_turn(text name, const id *of_response, const id *result)
{
    struct turn *turn = &turns[turn_count++];
    id tree = ZERO, count;
    u32 mark = heap;
    set_word(&turn->name, name);
    turn->count = now.count + 1;
    turn->response = *of_response;
    turn->result = *result;
    begin();
    put_number(turn->count);
    count = text_blob((text){(u8 *)written, heap - written});
    heap = mark;
    good(place(&tree, TEXT("count"), &count, &tree));
    good(place(&tree, TEXT("response"), of_response, &tree));
    good(place(&tree, TEXT("result"), result, &tree));
    set_below(LITERAL("session/turns/"), name, &tree);
    if (turn_count > MOST_TURNS)
        forget_oldest();
}

static refusal check_turn(text name, const id *of_request, struct turn_request *turn)
{
    id view;
    if (ask.is_open)
        return "rejected/phase";
    if (!load_request(of_request, turn))
        return "malformed/request";
    refusal why = prepare(turn, &view);
    if (why)
        return why;
    word expected = id_text(&view);
    return equal(text_of(&expected), name) ? 0 : "rejected/stale";
}

static void commit_turn(text name, const id *of_request, const id *of_response)
{
    struct turn_request turn;
    id result;
    refusal why = check_turn(name, of_request, &turn);
    if (!why)
        why = read_response(of_response, LITERAL(""), turn.forces_json);
    if (!why && !make_result(&result))
        why = "exhausted/size";
    if (why)
        return refuse(why);
    if (response.action != RETRY) {
        accept_response(&turn);
        record_turn(name, of_response, &result);
        change();
    }
    reply_with(LITERAL("committed"), &result, 0);
}

static void commit(void)
{
    text name;
    id of_request, of_response;
    if (!header(request.headers, "turn", &name) || !is_id_text(name))
        return refuse("malformed/header");
    if (kind(&request.content) != TREE || size(&request.content) != 2 || find(&request.content, TEXT("request"), &of_request) < 0 ||
        find(&request.content, TEXT("response"), &of_response) < 0)
        return refuse("malformed/request");
    for (u32 i = 0; i < turn_count; i++) {
        if (!equal(text_of(&turns[i].name), name))
            continue;
        if (!same(&turns[i].response, &of_response, sizeof(id)))
            return refuse("rejected/conflict");
        return reply_with(LITERAL("committed"), &turns[i].result, 1);
    }
    commit_turn(name, &of_request, &of_response);
}

#endif
