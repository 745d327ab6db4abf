/* condense.h: condensing (spec/session/condense.rst). */
#ifndef CONDENSE_H
#define CONDENSE_H

#include "replies.h"

/* Condensing (condense.rst). */
struct view { u64 first, version; i32 has_summary, is_condensed; text data; };

/* Returns the index up to which the history is condensed; what is covered already if there is none. */
static u64 boundary(const id *history)
{
    id message;
    text list;
    if (now.history - now.covered + 1 <= settings.max_messages || now.history < settings.keep)
        return now.covered;
    for (u64 index = now.history - settings.keep; index > now.covered; index--)
        if (find_message(history, index, &message) >= 0 && form_of(&message, &list) == USER)
            return index;
    return now.covered;
}

/* Appends the line of a message: its role and the first 80 characters. */
static void put_line(const id *message)
{
    text list, role;
    u8 data[320], *at = data;
    if (form_of(message, &list) <= GONE || !header(list, "role", &role))
        return;
    i32 bytes = good(read(message, 0, data, sizeof data));
    for (u32 left = 80; left && at < data + bytes; left--) {
        u32 size = character(at, data + bytes);
        if (*at == '\n' || *at == '\r')
            *at = ' ';
        at += size ? size : 1;
    }
    put(role);
    PUT(": ");
    put((text){data, at - data});
    PUT("\n");
}

/* The last characters of a text. */
static text ending(text whole, u64 characters)
{
    u32 at = whole.size;
    while (at && characters)
        characters -= (whole.at[--at] & 0xC0) != 0x80;
    return (text){whole.at + at, whole.size - at};
}

/* The raw data of the summary and of what it is to cover, without the limit of JSON texts. */
static text summary_text(const id *history, u64 end)
{
    id message;
    u32 start = heap;
    text before;
    if (summary.is_there && load(&summary.blob, &before)) {
        __builtin_memmove((void *)start, before.at, before.size);
        heap = start + before.size;
    }
    for (u64 index = now.covered; index < end; index++) {
        begin();
        if (find_message(history, index, &message) >= 0)
            put_line(&message);
    }
    return ending((text){(u8 *)start, heap - start}, settings.summary_chars);
}

static struct view condense(i32 is_user)
{
    struct view view = {now.covered, summary.version, summary.is_there, 0, {0, 0}};
    id history;
    if (!is_user || in_core("session/history", &history) < 0)
        return view;
    view.first = boundary(&history);
    if (view.first == now.covered)
        return view;
    view.data = summary_text(&history, view.first);
    view.version = summary.is_there ? summary.version + 1 : 1;
    view.has_summary = view.is_condensed = 1;
    return view;
}

/* Stores what `condense` returns. */
static void keep_condensed(const struct view *view)
{
    u32 mark = heap;
    if (!view->is_condensed)
        return;
    for (; now.covered < view->first; now.covered++)
        drop(index_path(now.covered));
    summary.is_there = 1;
    summary.version = view->version;
    begin();
    PUT("covered\0");
    put_number(now.covered);
    PUT("\0ct\0s\0version\0");
    put_number(summary.version);
    PUT("\0");
    good(blob(view->data.at, view->data.size, (void *)written, heap - written, &summary.blob));
    heap = mark;
    set(LITERAL("session/summary"), &summary.blob);
}

#endif
