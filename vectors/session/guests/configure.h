/* configure.h: configure (spec/session/results.rst). */
#ifndef CONFIGURE_H
#define CONFIGURE_H

#include "ask.h"

/* Configure (results.rst). */
static refusal check_settings(i32 has_config, const id *config, i32 has_tools, const id *tools)
{
    text data;
    if (has_config && !(load_json(config, &data) && read_config(data)))
        return "invalid/config";
    if (has_tools && !(load_json(tools, &data) && are_tools(data)))
        return "invalid/tools";
    return 0;
}

/* Replaces an entry of `session`, or removes it if the new value has nothing. */
static void replace(text path, const id *value)
{
    text data;
    u32 mark = heap;
    if (load_json(value, &data) && data.size > 2)
        set(path, value);
    else
        drop(path);
    heap = mark;
}

static void configure(void)
{
    id config, tools;
    if (kind(&request.content) != TREE || !has_only(&request.content, "config tools"))
        return refuse("malformed/request");
    if (now.phase != IDLE || ask.is_open)
        return refuse("rejected/phase");
    i32 has_config = find(&request.content, TEXT("config"), &config) >= 0;
    i32 has_tools = find(&request.content, TEXT("tools"), &tools) >= 0;
    refusal why = check_settings(has_config, &config, has_tools, &tools);
    if (!why) {
        if (has_config)
            replace(LITERAL("session/config"), &config);
        if (has_tools)
            replace(LITERAL("session/tools"), &tools);
        change();
        reply_count(LITERAL("configured"));
    } else
        refuse(why);
    if (!load_settings())
        stop(5);
}

#endif
