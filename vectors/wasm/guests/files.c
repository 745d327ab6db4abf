/* Uses files: what stands below `fs` of its core. The message holds commands, each a letter, the length of a path and the
   path, and for w and a the length of data and the data; lengths are one byte.

   w  write    a  append    d  delete    r  read into the answer    l  list: each name and a line end into the answer */
#include "figures.h"

static u8 out[16384];
static u32 written;
static id core;

static i32 path(const u8 *name, u32 bytes, u8 *whole)
{
    memcpy(whole, "fs/", 3);
    memcpy(whole + 3, name, bytes);
    return 3 + (i32)bytes;
}

static i32 put(const u8 *whole, u32 length, const u8 *data, u32 bytes, i32 appends)
{
    static u8 all[8192];
    id file;
    i32 had = 0;
    if (appends && find(&core, whole, length, &file) == BLOB) {
        had = read(&file, 0, all, sizeof all - 255);
        if (had < 0)
            return had;
    }
    memcpy(all + had, data, bytes);
    i32 error = blob(all, had + bytes, TEXT("ct\0s\0"), &file);
    return error ? error : place(&core, whole, length, &file, &core);
}

static i32 list(const id *directory)
{
    u8 name[255];
    id file;
    for (u32 i = 0;; i++) {
        i32 bytes = entry(directory, i, name, sizeof name, &file);
        if (bytes < 0 || written + bytes + 1 > sizeof out)
            return bytes == ABSENT ? 0 : bytes;
        memcpy(out + written, name, bytes);
        written += bytes;
        out[written++] = '\n';
    }
}

static i32 command(u8 what, const u8 *name, u32 bytes, const u8 *data, u32 length)
{
    u8 whole[258];
    id file;
    u32 size = path(name, bytes, whole);
    if (what == 'w' || what == 'a')
        return put(whole, size, data, length, what == 'a');
    if (what == 'd')
        return place(&core, whole, size, &ZERO, &core);
    i32 is = find(&core, whole, size, &file);
    if (is < 0)
        return is;
    if (what == 'l')
        return list(&file);
    i32 got = read(&file, 0, out + written, sizeof out - written);
    written += got < 0 ? 0 : got;
    return got < 0 ? got : 0;
}

EXPORT(wit) i32 wit(void)
{
    id value, outbox;
    u32 bytes = question(), at = 0;
    input(CORE, &core);
    while (at + 1 < bytes) {
        u8 what = asked[at];
        u32 length = asked[at + 1], more = 0;
        const u8 *name = asked + at + 2, *data = name;
        at += 2 + length;
        if (what == 'w' || what == 'a') {
            more = asked[at];
            data = asked + at + 1;
            at += 1 + more;
        }
        i32 error = command(what, name, length, data, more);
        if (error)
            return -error;
    }
    input_or_zero(OUTBOX, &outbox);
    if (blob(out, written, "", 0, &value) || place(&core, TEXT("answer"), &value, &core))
        return 100;
    return finish(&outbox, &core) ? 101 : 0;
}
