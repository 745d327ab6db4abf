/* settings.h: the configuration and the tools (spec/session/core.rst). */
#ifndef SETTINGS_H
#define SETTINGS_H

#include "session.h"

/* Settings. */
static i32 is_type(text value) { return is_string(value) && place_of(inside(value), "any array boolean integer number object string") >= 0; }

/* Lists the parameters of a tool as slices that begin with the name in the canonical object. */
static u32 list_params(text params, text **list)
{
    text value;
    u32 count = 0;
    *list = room(0);
    while (next_value(&params, &value)) {
        room(sizeof(text));
        (*list)[count++] = (text){value.at + sizeof "{\"name\":" - 1, value.size};
    }
    return count;
}

static i32 are_params(text params)
{
    text rest = params, value, part[3], *list;
    if (!is_array(params))
        return 0;
    while (next_value(&rest, &value))
        if (!fields(value, "name required type", 3, part) || !is_name_string(part[0]) || !is_boolean(part[1]) || !is_type(part[2]))
            return 0;
    u32 mark = heap, count = list_params(params, &list);
    i32 is_unique = sort_names(list, count);
    heap = mark;
    return is_unique;
}

/* A canonical string has no character below U+0020 if its only escapes are those of `"` and `\`. */
static i32 is_description(text value)
{
    if (!is_string(value) || plain_size(value) > 1024)
        return 0;
    text escaped = inside(value);
    for (u32 i = 0; i < escaped.size; i++)
        if (escaped.at[i] == '\\' && escaped.at[++i] != '"' && escaped.at[i] != '\\')
            return 0;
    return 1;
}

static i32 are_tools(text tools)
{
    text value, part[3], before = {0, 0};
    u32 count = 0;
    if (!is_array(tools))
        return 0;
    while (next_value(&tools, &value)) {
        if (++count > MOST_TOOLS || !fields(value, "description name params", 3, part))
            return 0;
        if (!is_description(part[0]) || !is_name_string(part[1]) || !are_params(part[2]))
            return 0;
        if (before.size && compare_names(before.at, part[1].at) >= 0)
            return 0;
        before = part[1];
    }
    return 1;
}

static i32 set_number(text value, u64 least, u64 most, u64 *out)
{
    return !value.size || (natural(value, most, out) && *out >= least);
}

/* Reads a configuration, with the defaults for what it leaves out. */
static i32 read_config(text config)
{
    text part[6];
    settings.keep = 12;
    settings.max_messages = 24;
    settings.max_rounds = 10;
    settings.summary_chars = 1200;
    settings.shows_tools = 1;
    settings.system = LITERAL("");
    if (!fields(config, "keep max_messages max_rounds summary_chars system_prompt tool_text", 6, part))
        return 0;
    if (!set_number(part[0], 1, 1000, &settings.keep) || !set_number(part[1], 1, 1000, &settings.max_messages))
        return 0;
    if (!set_number(part[2], 1, 100, &settings.max_rounds) || !set_number(part[3], 0, 100000, &settings.summary_chars))
        return 0;
    if (part[4].size && !is_string(part[4]))
        return 0;
    if (part[5].size && !is_boolean(part[5]))
        return 0;
    settings.system = part[4].size ? inside(part[4]) : LITERAL("");
    settings.shows_tools = !part[5].size || is_true(part[5]);
    return settings.keep < settings.max_messages;
}

/* Reads the settings to the bottom of memory; returns whether they are of their form. */
static i32 load_settings(void)
{
    id found;
    text config = LITERAL("{}");
    heap = (u32)&__heap_base;
    settings.tools = LITERAL("[]");
    if (in_core("session/config", &found) >= 0 && !load_json(&found, &config))
        return 0;
    if (in_core("session/tools", &found) >= 0 && !load_json(&found, &settings.tools))
        return 0;
    settled = heap;
    return read_config(config) && are_tools(settings.tools);
}

#endif
