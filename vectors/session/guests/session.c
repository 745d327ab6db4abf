/* The guest of a session (spec/session): `session/1` as a module.

   One source file; each header has one chapter of the text. `load_session` reads and checks the whole tree `session` once
   in a call. Then each request is one function that makes its checks in the order of the text, and only then changes
   `core`. Nothing is undone, except an ask whose turn is too long. */
#define GRIT_SINGLE
#include "configure.h"

/* Messages. */
static void read_request_headers(void)
{
    request.headers = load_headers(&request.self);
    if (!header(request.headers, "at", &request.at) || !is_header_number(request.at))
        request.at.size = 0;
    if (!header(request.headers, "corr", &request.corr) || !is_corr(request.corr))
        request.corr.size = 0;
}

static void read_message(i32 is_damaged)
{
    text type, corr;
    read_request_headers();
    i32 what = header(request.headers, "mt", &type) ? place_of(type, "commit tool-result abandon configure ask effect.ok effect.failed") : -1;
    if (what >= 5)
        return is_damaged ? (void)0 : answer(what == 5);
    if (is_damaged)
        return refuse("invalid/state");
    if (what < 0 || !request.at.size || (!request.corr.size && header(request.headers, "corr", &corr)))
        return refuse("malformed/header");
    switch (what) {
    case 0:
        return commit();
    case 1:
        return tool_result();
    case 2:
        return abandon();
    case 3:
        return configure();
    default:
        return begin_ask();
    }
}

static void read_covered(void)
{
    id sender;
    i32 is_loaded = 0, is_damaged = 0;
    for (u32 i = 0; covered(i, &sender, &request.self) >= 0; i++) {
        if (!has_host || !same(&sender, &host, sizeof(id)))
            continue;
        if (!is_loaded)
            is_damaged = !load_session();
        is_loaded = 1;
        heap = settled;
        good(link(&request.self, M_CONTENT, &request.content));
        read_message(is_damaged);
    }
}

/* The first step: the core stays, and a host that made the session gets a reply. */
static i32 open_session(void)
{
    id sender, session, unused;
    u32 mark;
    if (in_core("session", &session) != TREE || !is_first_core(&session) || !has_only(&session, "host nonce config tools"))
        return 0;
    if (in_core("effects", &unused) >= 0)
        return 0;
    covered(0, &sender, &request.self);
    if (!same(&sender, &host, sizeof(id)))
        return 1;
    heap = settled;
    read_request_headers();
    mark = heap;
    begin();
    PUT("{\"root\":\"");
    put_id(&session);
    PUT("\"}");
    id content = json_blob(mark);
    reply_with(LITERAL("opened"), &content, 0);
    return 1;
}

EXPORT(wit) i32 wit(void)
{
    id unused;
    input(ACTOR, &actor);
    input_or_zero(CORE, &core);
    input_or_zero(OUTBOX, &outbox);
    has_host = in_core("session/host", &host) == TREE;
    if (input(LAST, &unused) < 0) {
        if (!open_session())
            stop(1);
    } else if (input(PREVIOUS, &unused) >= 0)
        read_covered();
    return finish(&outbox, &core);
}

/* Queries. */
static void put_state_calls(void)
{
    i32 is_first = 1;
    PUT("{\"calls\":[");
    for (u32 i = 0; i < call_count; i++) {
        if (calls[i].is_answered)
            continue;
        separate(&is_first);
        PUT("{\"id\":\"");
        put(text_of(&calls[i].name));
        PUT("\",\"tool\":\"");
        put(text_of(&calls[i].tool));
        PUT("\"}");
    }
    PUT("]");
}

static id described(void)
{
    u32 mark = heap;
    id root;
    in_core("session", &root);
    begin();
    put_state_calls();
    PUT(",\"count\":");
    put_number(now.count);
    PUT(",\"covered\":");
    put_number(now.covered);
    PUT(",\"history\":");
    put_number(now.history);
    PUT(",\"phase\":\"");
    put(now.phase == IDLE ? LITERAL("idle") : now.phase == CALLING ? LITERAL("calling") : LITERAL("ready"));
    PUT("\",\"root\":\"");
    put_id(&root);
    PUT("\",\"rounds\":");
    put_number(now.rounds);
    PUT("}");
    return json_blob(mark);
}

static id refused_query(refusal why)
{
    u32 mark = heap;
    begin();
    PUT("{\"refused\":");
    put_refusal(why);
    PUT("}");
    return json_blob(mark);
}

static id answer_prepare(void)
{
    struct turn_request turn;
    id args, view;
    text data;
    refusal why = "malformed/request";
    input(ARGS, &args);
    if (load(&args, &data) && read_request(data, &turn))
        why = prepare(&turn, &view);
    return why ? refused_query(why) : view;
}

EXPORT(wit_query) i32 wit_query(void)
{
    u8 name[8];
    id made;
    i32 bytes = query_name(name, sizeof name);
    text asked = {name, bytes};
    i32 is_prepare = bytes == 7 && equal(asked, LITERAL("prepare"));
    if (!is_prepare && !(bytes == 5 && equal(asked, LITERAL("state"))))
        return 0;
    input(ACTOR, &actor);
    input_or_zero(CORE, &core);
    if (!load_session())
        made = refused_query("invalid/state");
    else {
        heap = settled;
        made = is_prepare ? answer_prepare() : described();
    }
    return result(&made);
}
