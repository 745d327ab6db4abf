/* replies.h: changes of the core, and messages to the host (spec/session/requests.rst). */
#ifndef REPLIES_H
#define REPLIES_H

#include "core.h"

/* Making objects. */
SHARED id json_blob(u32 mark)
{
    id made;
    good(blob((void *)written, heap - written, TEXT("ct\0j\0"), &made));
    heap = mark;
    return made;
}

static id text_blob(text data)
{
    id made;
    good(blob(data.at, data.size, TEXT("ct\0s\0"), &made));
    return made;
}

SHARED void set_at(const u8 *path, u32 size, const id *child) { good(place(&core, path, size, child, &core)); }

SHARED void drop_at(const u8 *path, u32 size)
{
    id found;
    if (find(&core, path, size, &found) >= 0)
        set_at(path, size, &ZERO);
}

SPLIT void set(text path, const id *child) { set_at(path.at, path.size, child); }

SPLIT void drop(text path) { drop_at(path.at, path.size); }

/* A path of the core of two parts, at the top of memory. */
static text joined(text folder, text name)
{
    begin();
    put(folder);
    put(name);
    return (text){(u8 *)written, folder.size + name.size};
}

SHARED void set_below(text folder, text name, const id *child)
{
    u32 mark = heap;
    set(joined(folder, name), child);
    heap = mark;
}

static void set_word_at(text path, text value)
{
    id made = text_blob(value);
    set(path, &made);
}

static void append(const id *message)
{
    set(index_path(now.history), message);
    now.history++;
}

/* Ends a change: the count grows, and the state is written. */
SHARED void change(void)
{
    u32 mark = heap;
    now.count++;
    begin();
    PUT("{\"count\":");
    put_number(now.count);
    PUT(",\"covered\":");
    put_number(now.covered);
    PUT(",\"history\":");
    put_number(now.history);
    PUT(",\"phase\":\"");
    put(now.phase == IDLE ? LITERAL("idle") : now.phase == CALLING ? LITERAL("calling") : LITERAL("ready"));
    PUT("\",\"rounds\":");
    put_number(now.rounds);
    PUT("}");
    id made = json_blob(mark);
    set(LITERAL("session/state"), &made);
}

/* Messages of the session. A list of headers is written, then sent. */
static void put_header(text key, text value)
{
    put(key);
    PUT("\0");
    put(value);
    PUT("\0");
}

static void begin_headers(text type)
{
    begin();
    put_header(LITERAL("mt"), type);
}

static void send(const id *content, u32 mark)
{
    id previous;
    if (is_zero(&outbox) || find(&outbox, &host, sizeof(id), &previous) < 0)
        previous = ZERO;
    good(message(&previous, (void *)written, heap - written, content, &sent));
    good(mail(&outbox, &host, &sent, &outbox));
    heap = mark;
}

SHARED void reply_with(text type, const id *content, i32 is_repeated)
{
    u32 mark = heap;
    word self = id_text(&request.self);
    begin_headers(type);
    put_header(LITERAL("reply"), text_of(&self));
    if (request.at.size)
        put_header(LITERAL("at"), request.at);
    if (request.corr.size)
        put_header(LITERAL("corr"), request.corr);
    if (is_repeated)
        put_header(LITERAL("replay"), LITERAL("1"));
    send(content, mark);
}

static void reply_count(text type)
{
    u32 mark = heap;
    begin();
    PUT("{\"count\":");
    put_number(now.count);
    PUT("}");
    id content = json_blob(mark);
    reply_with(type, &content, 0);
}

static void put_refusal(refusal why)
{
    text whole = literal_of(why);
    u32 slash = 0;
    while (why[slash] != '/')
        slash++;
    PUT("{\"class\":\"");
    put((text){whole.at, slash});
    PUT("\",\"code\":\"");
    put((text){whole.at + slash + 1, whole.size - slash - 1});
    PUT("\"}");
}

SHARED void refuse(refusal why)
{
    u32 mark = heap;
    begin();
    put_refusal(why);
    id content = json_blob(mark);
    reply_with(LITERAL("refused"), &content, 0);
}

#endif
