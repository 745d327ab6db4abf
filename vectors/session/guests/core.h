/* core.h: reading the whole tree `session`, once in a call (spec/session/core.rst). */
#ifndef CORE_H
#define CORE_H

#include "history.h"

/* The other entries. */
static i32 load_state(void)
{
    id found;
    text data, part[5];
    u32 mark = heap;
    __builtin_memset(&now, 0, sizeof now);
    if (in_core("session/state", &found) < 0)
        return 1;
    if (!load_json(&found, &data) || !fields(data, "count covered history phase rounds", 5, part))
        return 0;
    now.phase = place_of(is_string(part[3]) ? inside(part[3]) : LITERAL(""), "idle calling ready");
    heap = mark;
    if (!natural(part[0], MOST_STATE, &now.count) || !natural(part[1], MOST_STATE, &now.covered))
        return 0;
    if (!natural(part[2], MOST_STATE, &now.history) || !natural(part[4], MOST_STATE, &now.rounds))
        return 0;
    return now.phase <= READY && now.history >= now.covered && now.history - now.covered <= MOST_PRESENT;
}

static i32 load_summary(void)
{
    text list, covered, ct, version, data;
    u32 mark = heap;
    summary.is_there = in_core("session/summary", &summary.blob) >= 0;
    if (!summary.is_there)
        return 1;
    i32 bytes = headers(&summary.blob, history_headers, sizeof history_headers);
    if (bytes < 0 || bytes > (i32)sizeof history_headers || !load(&summary.blob, &data) || !is_utf8(data))
        return 0;
    heap = mark;
    list = (text){history_headers, bytes};
    if (!header(list, "covered", &covered) || !header(list, "ct", &ct) || !header(list, "version", &version))
        return 0;
    if (list.size != sizeof "covered\0ct\0version\0" - 1 + covered.size + ct.size + version.size + 3)
        return 0;
    if (!is_header_number(covered) || !equal(ct, LITERAL("s")))
        return 0;
    return natural(version, MOST_STATE, &summary.version) && summary.version;
}

/* Reads the entry of `calls` for a place of the round; returns whether it is of its form. */
static i32 load_call(const id *tree, u32 place, text round)
{
    struct call *call = &calls[place];
    id found;
    u32 mark = heap;
    begin();
    put(round);
    PUT(".");
    put_number(place);
    set_word(&call->name, (text){(u8 *)written, heap - written});
    heap = mark;
    if (find_text(tree, text_of(&call->name), &found) < 0 || !load_word(&found, &call->tool))
        return 0;
    return is_name(text_of(&call->tool));
}

/* The result of an open call is a message of a tool, or was erased. */
static i32 is_result(const id *found)
{
    text list;
    i32 form = kind(found) == BLOB ? form_of(found, &list) : OTHER;
    return (form == TOOL || form == GONE) && is_message(found);
}

static i32 load_calls(void)
{
    id tree, results, found;
    u8 first[40];
    text round, place;
    u32 answered = 0, have_results = in_core("session/results", &results) >= 0;
    call_count = 0;
    if (in_core("session/calls", &tree) < 0)
        return now.phase != CALLING;
    u32 count = entries_of(&tree);
    if (now.phase != CALLING || !count || count > MOST_CALLS)
        return 0;
    i32 bytes = entry(&tree, 0, first, sizeof first, &found);
    if (bytes > (i32)sizeof first || !split_call((text){first, bytes}, &round, &place))
        return 0;
    for (; call_count < count; call_count++) {
        struct call *call = &calls[call_count];
        if (!load_call(&tree, call_count, round))
            return 0;
        call->is_answered = have_results && find_text(&results, text_of(&call->name), &found) >= 0;
        if (call->is_answered && !is_result(&found))
            return 0;
        answered += call->is_answered;
    }
    return answered < count;
}

static i32 are_results(void)
{
    id tree, found;
    u8 name[40];
    if (in_core("session/results", &tree) < 0)
        return 1;
    u32 count = entries_of(&tree);
    for (u32 i = 0; i < count; i++) {
        i32 bytes = entry(&tree, i, name, sizeof name, &found);
        if (bytes > (i32)sizeof name || !is_call_name((text){name, bytes}) || kind(&found) != BLOB)
            return 0;
    }
    return count > 0;
}

static i32 load_turn(const id *tree, u32 i)
{
    struct turn *turn = &turns[i];
    id found, count;
    word digits;
    i32 bytes = entry(tree, i, turn->name.bytes, sizeof turn->name.bytes, &found);
    turn->name.size = bytes;
    if (bytes > (i32)sizeof turn->name.bytes || !is_id_text(text_of(&turn->name)) || entries_of(&found) != 3)
        return 0;
    if (find(&found, TEXT("count"), &count) != BLOB || find(&found, TEXT("response"), &turn->response) != BLOB)
        return 0;
    if (find(&found, TEXT("result"), &turn->result) != BLOB || !load_word(&count, &digits))
        return 0;
    return natural(text_of(&digits), MOST_NUMBER, &turn->count);
}

static i32 load_turns(void)
{
    id tree;
    turn_count = 0;
    if (in_core("session/turns", &tree) < 0)
        return 1;
    u32 count = entries_of(&tree);
    if (!count || count > MOST_TURNS)
        return 0;
    for (; turn_count < count; turn_count++)
        if (!load_turn(&tree, turn_count))
            return 0;
    return 1;
}

/* Requests of a turn. */
struct turn_request { i32 is_user, forces_json; text prompt, system; };

static i32 read_request(text data, struct turn_request *out)
{
    text part[4];
    if (!json(&data, DEPTH) || !fields(data, "force_json kind prompt system", 4, part))
        return 0;
    *out = (struct turn_request){is_word(part[1], LITERAL("user")), is_true(part[0]), part[2], part[3]};
    if (part[0].size && !is_boolean(part[0]))
        return 0;
    if (!out->is_user)
        return is_word(part[1], LITERAL("continue")) && !part[2].size && !part[3].size;
    return is_string(part[2]) && (!part[3].size || is_string(part[3]));
}

static i32 load_request(const id *object, struct turn_request *out)
{
    text data;
    return has_headers(object, LITERAL("ct\0j\0")) && load(object, &data) && read_request(data, out);
}

static i32 load_ask_request(struct turn_request *out)
{
    id found;
    return in_core("session/ask/request", &found) >= 0 && load_request(&found, out) && out->is_user;
}

static i32 load_ask(void)
{
    id tree, found;
    struct turn_request of_ask;
    u32 mark = heap;
    ask.is_open = in_core("session/ask", &tree) >= 0;
    ask.has_corr = ask.is_open && find(&tree, TEXT("corr"), &found) >= 0;
    if (!ask.is_open)
        return 1;
    if (ask.has_corr && !(load_word(&found, &ask.corr) && is_corr(text_of(&ask.corr))))
        return 0;
    if (!has_only(&tree, "message request corr") || find(&tree, TEXT("message"), &found) < 0)
        return 0;
    if (!load_word(&found, &ask.message) || !is_id_text(text_of(&ask.message)))
        return 0;
    i32 is_valid = load_ask_request(&of_ask) && plain_size(of_ask.prompt) <= MOST_PROMPT;
    heap = mark;
    return is_valid;
}

static i32 load_effect(const id *tree, text name, word *effect)
{
    id found;
    return find_text(tree, name, &found) >= 0 && load_word(&found, effect) && is_id_text(text_of(effect));
}

static i32 load_effects(void)
{
    id tree;
    u32 expected = 0;
    if (in_core("effects", &tree) < 0)
        return !ask.is_open;
    if (!ask.is_open)
        return 0;
    if (now.phase != CALLING)
        return entries_of(&tree) == 1 && load_effect(&tree, LITERAL("model"), &ask.effect);
    for (u32 i = 0; i < call_count; i++) {
        if (calls[i].is_answered)
            continue;
        if (!load_effect(&tree, text_of(&calls[i].name), &calls[i].effect))
            return 0;
        expected++;
    }
    return entries_of(&tree) == expected;
}

static i32 is_first_core(const id *session)
{
    id found;
    if (find(session, TEXT("host"), &found) != TREE || find(session, TEXT("nonce"), &found) != BLOB)
        return 0;
    return has_headers(&found, LITERAL("ct\0b\0")) && size(&found) == 32 && load_settings();
}

/* Reads the whole session; returns whether it is of its form, and not damaged. */
static i32 load_session(void)
{
    id session;
    heap = settled = (u32)&__heap_base;
    if (in_core("session", &session) != TREE || !is_first_core(&session))
        return 0;
    if (!has_only(&session, "host nonce config tools state history summary calls results turns ask"))
        return 0;
    if (!load_state() || !is_history() || !load_summary() || !load_calls() || !are_results() || !load_turns())
        return 0;
    return load_ask() && load_effects();
}

#endif
