"""Drafts of vectors of kernel messages: rights, code, new actors, and the end of an actor."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from gritstone_conformance.properties.image.imaged import COMMITTED, Imaged
from gritstone_conformance.strategies.image import ops
from gritstone_conformance.strategies.image.cores import quota_text
from selftests.vectors.image_drafts import Drafts, held, still

__all__ = ["kernel_drafts"]

_ALL: Final = ("send.*.*", "send.*.image.*")
_ESCALATION: Final = "rejected/escalation"
_DENIED: Final = "rejected/capability"

Content = Callable[[Imaged], bytes]


def kernel_drafts() -> Drafts:
    """Yield the drafts."""
    for drafts in (_contents, _senders):
        yield from drafts()


# --- the contents of kernel messages ------------------------------------------------------------


def _text(text: str) -> Content:
    return lambda imaged: imaged.stage.text(text)


def _plain(data: bytes) -> Content:
    return lambda imaged: imaged.stage.blob(data)


def _tree(imaged: Imaged) -> bytes:
    return imaged.stage.tree(x=imaged.stage.empty())


def _ids(*titles: str, descending: bool = False, first: str = "job\n") -> Content:
    def content(imaged: Imaged) -> bytes:
        ids = sorted((imaged.stage.text(title).hex() for title in titles), reverse=descending)
        return imaged.stage.text(first + "\n".join(ids))

    return content


_X: Final = "0" * 64
_CONTENTS: Final[dict[str, dict[str, tuple[Content, str]]]] = {
    "grant": {
        "read": (_text("read.*"), COMMITTED),
        "longest-type": (_text(f"send.*.{'x' * 64}"), COMMITTED),
        "longest-prefix": (_text(f"send.*.{'x' * 63}*"), COMMITTED),
        "type-of-65": (_text(f"send.*.{'x' * 65}"), "malformed/capability"),
        "prefix-of-64": (_text(f"send.*.{'x' * 64}*"), "malformed/capability"),
        "no-actor": (_text("send.*"), "malformed/capability"),
        "star-inside": (_text("send.*.a*b"), "malformed/capability"),
        "short-id": (_text("read.0"), "malformed/capability"),
        "upper-case": (_text(f"read.{'A' * 64}"), "malformed/capability"),
        "no-type": (_text("send.*."), "malformed/capability"),
        "other-verb": (_text("write.*"), "malformed/capability"),
        "without-a-header": (_plain(b"spawn"), "malformed/capability"),
        "tree": (_tree, "malformed/capability"),
    },
    "entry": {
        "star": (_text("job\n*"), COMMITTED),
        "removed-although-absent": (_text("job\n-"), COMMITTED),
        "two-ids": (_ids("a", "b"), COMMITTED),
        "descending": (_ids("a", "b", descending=True), "malformed/entry"),
        "twice": (_ids("a", "a"), "malformed/entry"),
        "empty": (_text("job\n"), "malformed/entry"),
        "kernel-type": (_text("image.grant\n*"), "malformed/entry"),
        "event-type": (_text("on.e\n*"), "malformed/entry"),
        "line-feed-at-the-end": (_text("job\n*\n"), "malformed/entry"),
        "no-line-feed": (_text("job"), "malformed/entry"),
    },
    "quota": {
        "smallest": (_text(quota_text(**dict.fromkeys(("actors", "bytes", "posts", "subs", "timers"), 0))), COMMITTED),
        "largest": (_text(quota_text(bytes=2**63 - 1)), COMMITTED),
        "above-2-63": (_text(quota_text(bytes=2**63)), "malformed/quota"),
        "leading-zero": (_text(quota_text().replace(" 10\n", " 010\n")), "malformed/quota"),
        "a-line-less": (_text(quota_text().split("timers", maxsplit=1)[0]), "malformed/quota"),
        "other-order": (_text("bytes 1\n" + quota_text()), "malformed/quota"),
    },
    "install": {
        "source": (lambda imaged: imaged.stage.tree(src=imaged.stage.text("s")), COMMITTED),
        "blob": (_text("x"), "malformed/install"),
        "other-entry": (_tree, "rejected/location"),
        "image": (lambda imaged: imaged.stage.tree(image=_tree(imaged)), "rejected/location"),
        "frozen": (lambda imaged: imaged.stage.tree(frozen=imaged.stage.text("wit\n")), "rejected/location"),
        "unknown-op": (
            lambda imaged: imaged.stage.install(job=imaged.stage.draft().raw(b"Q").seal()),
            "malformed/program",
        ),
        "operand-too-short": (
            lambda imaged: imaged.stage.install(job=imaged.stage.draft().raw(b"n\0\0\0").seal()),
            "malformed/program",
        ),
        "no-program": (lambda imaged: imaged.stage.install(job=_tree(imaged)), "malformed/program"),
        "code-a-blob": (lambda imaged: imaged.stage.tree(code=imaged.stage.text("x")), "malformed/program"),
        "other-code": (
            lambda imaged: imaged.stage.tree(wit=imaged.stage.text("external:puppet/1")),
            "rejected/import",
        ),
        "kernel-code": (
            lambda imaged: imaged.stage.tree(wit_query=imaged.stage.text("external:image-kernel/1")),
            "rejected/import",
        ),
        "wit-a-tree": (lambda imaged: imaged.stage.tree(wit=_tree(imaged)), "malformed/core"),
    },
    "subscribe.e": {
        "empty": (_plain(b""), COMMITTED),
        "text": (_text(""), "malformed/subscribe"),
        "data": (_plain(b"x"), "malformed/subscribe"),
    },
    "unsubscribe.e": {
        "text": (_text(""), "malformed/unsubscribe"),
        "without-a-subscription": (_plain(b""), "missing/subscription"),
    },
    "revoke": {
        "no-capability": (_text("send.*"), "malformed/capability"),
        "not-held": (_text("spawn"), "missing/capability"),
    },
    "destroy": {"empty": (_plain(b""), COMMITTED), "text": (_text(""), "malformed/destroy")},
    "revert": {
        "two-entries": (
            lambda imaged: imaged.stage.tree(core=_tree(imaged), x=imaged.stage.empty()),
            "malformed/revert",
        ),
        "core-a-blob": (lambda imaged: imaged.stage.tree(core=imaged.stage.empty()), "malformed/revert"),
        "no-owner": (lambda imaged: imaged.stage.tree(core=_tree(imaged)), _ESCALATION),
        "other-owner": (
            lambda imaged: imaged.stage.tree(core=imaged.stage.actor("a", owner=imaged.stage.text("o"))),
            _ESCALATION,
        ),
        "same": (lambda imaged: imaged.stage.tree(core=imaged.stage.actor("a", entry={"run": "*"})), COMMITTED),
    },
}


def _contents() -> Drafts:
    for word, cases in _CONTENTS.items():
        for slug, (content, ends) in cases.items():
            name = f"kernel/{word.replace('.', '-')}-{slug}"
            rules = "owner.fixed kernel.exact" if ends == _ESCALATION else "kernel.exact"
            yield name, rules, partial(_kernel, mt=f"image.{word}", content=content, ends=ends)


def _kernel(imaged: Imaged, mt: str, content: Content, ends: str) -> None:
    """R sends a kernel message to a principal."""
    actor = held(imaged, "a")
    unchanged = still(imaged, actor)
    imaged.say(actor, mt, content(imaged), ends)
    if ends != COMMITTED:
        unchanged()


# --- who may send kernel messages ------------------------------------------------------------


def _senders() -> Drafts:
    for mt, content in (
        ("image.grant", "read.*"),
        ("image.revoke", "spawn"),
        ("image.entry", "job\n*"),
        ("image.quota", quota_text(actors=1)),
        ("image.install", None),
        ("image.timer", "5 tick"),
        ("image.cancel", _X),
        ("image.emit.e", "x"),
    ):
        for of in ("principal", "tool"):
            name = f"kernel/{mt[6:].replace('.', '-')}-to-a-{of}"
            yield name, "kernel.owner location.owner", partial(_senders_of, mt=mt, content=content, of=of)
    yield "kernel/revert-by-an-actor", "kernel.owner", _revert_by_actor
    yield "kernel/revoke-by-the-granter", "kernel.owner kernel.exact", _revoke_by_granter
    yield "kernel/grant-again", "kernel.exact kernel.grant", _grant_again
    yield "kernel/grant-of-the-last-moment", "kernel.grant cap.revoke", _grant_of_the_moment
    yield "kernel/grant-by-a-tool", "kernel.grant cap.deputy", _grant_by_tool
    yield "kernel/last-entry", "core.closed kernel.exact", _last_entry


def _senders_of(imaged: Imaged, mt: str, content: str | None, of: str) -> None:
    """The same message from another principal, from the owner, from the actor itself, and from R."""
    stage = imaged.stage
    owner, stranger = held(imaged, "p", *_ALL), held(imaged, "q", *_ALL)
    if of == "tool":
        target = stage.actor("t", owner=owner, caps=(*_ALL, "spawn"), entry={"run": "*"})
    else:
        target = stage.actor("t", caps=(*_ALL, "spawn"), entry={"run": "*"})
    imaged.create(target)
    sent = stage.tree(src=stage.text("s")) if content is None else stage.text(content)
    for sender in dict.fromkeys((stranger, owner, target)):
        imaged.order(sender, stage.draft().join(target, mt, sent), _sender_ends(mt, of, sender, owner, target))
    imaged.say(target, mt, sent, _sender_ends(mt, of, imaged.agent, owner, target, is_agent=True))
    imaged.list_actors()


def _sender_ends(mt: str, of: str, sender: bytes, owner: bytes, target: bytes, *, is_agent: bool = False) -> str:
    is_owner = sender == (owner if of == "tool" else target)
    match mt:
        case "image.grant":
            return COMMITTED if is_agent else _ESCALATION
        case "image.revoke" | "image.entry":
            if is_agent and is_owner is False and mt == "image.revoke":
                return "missing/capability"
            return COMMITTED if is_owner or is_agent else _DENIED
        case "image.quota":
            return COMMITTED if is_agent and of == "principal" else _DENIED
        case "image.install":
            same = sender in ({owner, target} if of == "tool" else {target})
            return COMMITTED if same or is_agent else "rejected/location"
        case "image.cancel":
            return "missing/timer" if sender == target else _DENIED
        case _:
            return COMMITTED if sender == target else _DENIED


def _revert_by_actor(imaged: Imaged) -> None:
    stage = imaged.stage
    actor = held(imaged, "a", *_ALL)
    revert = stage.tree(core=actor)
    imaged.order(actor, stage.draft().join(ops.ACTOR, "image.revert", revert), _DENIED)
    imaged.say(actor, "image.revert", revert)


def _revoke_by_granter(imaged: Imaged) -> None:
    """The granter revokes what it gave, and not what another one gave."""
    stage = imaged.stage
    granter, other = (held(imaged, name, *_ALL, "spawn") for name in "gh")
    target = held(imaged, "t")
    given = stage.text("spawn")
    imaged.order(granter, stage.draft().join(target, "image.grant", given))
    imaged.order(other, stage.draft().join(target, "image.revoke", given), _DENIED)
    imaged.order(granter, stage.draft().join(target, "image.revoke", given))
    imaged.order(granter, stage.draft().join(target, "image.revoke", given), _DENIED)


def _grant_again(imaged: Imaged) -> None:
    """The newest granter of a capability is the one that counts."""
    stage = imaged.stage
    granter, other = (held(imaged, name, *_ALL, "spawn") for name in "gh")
    target = held(imaged, "t")
    given = stage.text("spawn")
    for sender in (granter, other):
        imaged.order(sender, stage.draft().join(target, "image.grant", given))
    imaged.list_actors()
    imaged.order(granter, stage.draft().join(target, "image.revoke", given), _DENIED)
    imaged.order(other, stage.draft().join(target, "image.revoke", given))


def _grant_of_the_moment(imaged: Imaged) -> None:
    """A capability that was revoked after the sending of a grant does not cover it."""
    stage = imaged.stage
    actor, target = held(imaged, "a", *_ALL, "spawn"), held(imaged, "t")
    given = stage.text("spawn")
    draft = stage.draft().join(ops.ACTOR, "image.revoke", given).join(target, "image.grant", given)
    imaged.order(actor, draft, _ESCALATION)
    draft = stage.draft().join(target, "image.grant", given).join(ops.ACTOR, "image.revoke", given)
    imaged.order(actor, draft)


def _grant_by_tool(imaged: Imaged) -> None:
    """What the owner of a tool holds does not cover what the tool grants, and the reverse."""
    stage = imaged.stage
    owner, target = held(imaged, "p", *_ALL, "spawn"), held(imaged, "t")
    tool = stage.actor("tool", owner=owner, caps=(*_ALL, "read.*"), entry={"run": "*"})
    imaged.create(tool)
    for sender, capability, ends in (
        (tool, "spawn", _ESCALATION),
        (owner, "read.*", _ESCALATION),
        (tool, "read.*", COMMITTED),
        (owner, "spawn", COMMITTED),
    ):
        imaged.order(sender, stage.draft().join(target, "image.grant", stage.text(capability)), ends)


def _last_entry(imaged: Imaged) -> None:
    """A tree whose last entry is removed is removed too, so the core is the first one again."""
    stage = imaged.stage
    actor = stage.actor("a")
    imaged.create(actor)
    for there, gone in (
        (("image.grant", stage.text("spawn")), ("image.revoke", stage.text("spawn"))),
        (("image.entry", stage.text("job\n*")), ("image.entry", stage.text("job\n-"))),
        (("image.subscribe.e", stage.empty()), ("image.unsubscribe.e", stage.empty())),
    ):
        imaged.say(actor, *there)
        imaged.say(actor, *gone)
        assert imaged.core(actor) == actor, "the core is as before"
