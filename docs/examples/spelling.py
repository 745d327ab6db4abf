"""Conversion of ids, bytes and objects to and from JSON, for the toy runtime."""

import base64

from gritstone import errors, grit

STEP = ("previous", "actor", "inbox", "outbox", "core")


def to_text(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def from_text(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def to_hex(object_id):
    return None if object_id is None else object_id.hex()


def from_hex(text):
    return None if text is None else bytes.fromhex(text)


def to_json(value):
    form = {"kind": value.kind.word}
    match value:
        case grit.Blob():
            form |= {"headers": list(value.headers.items()), "data": to_text(value.data)}
        case grit.Tree():
            form |= {"entries": [(name, to_hex(target)) for name, target in value.entries.items()]}
        case grit.Message():
            form |= {"previous": to_hex(value.previous), "headers": list(value.headers.items())}
            form |= {"content": to_hex(value.content)}
        case grit.Mailbox():
            form |= {"entries": [(to_hex(actor), to_hex(message)) for actor, message in value.entries.items()]}
        case grit.Step():
            form |= {name: to_hex(getattr(value, name)) for name in STEP}
    return form


def from_json(form):
    match form["kind"]:
        case "blob":
            return grit.Blob(_from_pairs(form["headers"]), from_text(form["data"]))
        case "tree":
            return grit.Tree(_from_pairs(form["entries"], value=from_hex))
        case "message":
            headers = _from_pairs(form["headers"])
            return grit.Message(from_hex(form["previous"]), headers, from_hex(form["content"]))
        case "mailbox":
            return grit.Mailbox(_from_pairs(form["entries"], key=from_hex, value=from_hex))
        case "step":
            return grit.Step(*(from_hex(form[name]) for name in STEP))


def _from_pairs(pairs, key=str, value=str):
    entries = {key(left): value(right) for left, right in pairs}
    if len(entries) != len(pairs):
        raise errors.Invalid("a key twice", rule="grit.object.encode-refuses")
    return entries
