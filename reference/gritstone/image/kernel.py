"""Kernel messages: what the runtime does for an actor that reads one; no code of the actor runs.

There is one function per type. Each checks the content, then the conditions, and then changes the working core.

Spec: :rule:`image.kernel.exact`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gritstone.errors import Refusal
from gritstone.grit.objects import Object, ObjectId, Tree
from gritstone.image.capabilities import covered, is_capability
from gritstone.image.cores import Facts, check_core, read_entry, read_quota
from gritstone.image.mail import Letter
from gritstone.image.private_copy import PrivateCopy
from gritstone.image.refusals import refusal
from gritstone.image.sending import Sender
from gritstone.image.texts import EMPTY, MOST_NUMBER, is_empty, is_plain_type, read_id, read_number, text_blob, text_of
from gritstone.wit.position import Position
from gritstone.wit.puppet.core import WorkingCore
from gritstone.wit.update import merge

__all__ = ["Kernel", "apply"]

_NO_NAMES = (".", "..")  # plain types that are no names of entries
_INSTALLED = frozenset({"code", "wit", "wit_query", "src"})


@dataclass(slots=True)
class Kernel:
    """A kernel message and the step that answers it.

    Attributes:
        copy: the private copy.
        letter: the message.
        last: the position of the receiver.
        core: the working core.
        sender: the working outbox.
        seq: the number of the operation.
        clock: the clock before the operation.
        index: how many timer messages the operation took before.
        owns: returns whether a principal owns another actor with a head.
        is_destroyed: whether the receiver is destroyed after the step.
    """

    copy: PrivateCopy
    letter: Letter
    last: Position
    core: WorkingCore
    sender: Sender
    seq: int
    clock: int
    index: int
    owns: Callable[[ObjectId], bool]
    is_destroyed: bool = False

    @property
    def is_outside(self) -> bool:
        """Return whether the agent sent the message."""
        return self.letter.sender == self.copy.base.agent

    @property
    def facts(self) -> Facts:
        """Return what the part ``image`` of the receiver holds."""
        return self.copy.facts(self.last)

    def content(self) -> Object | None:
        """Return the content; None if it was erased."""
        return self.copy.workspace.look(self.letter.message.content)

    def text(self, word: str) -> str:
        """Return the content as text.

        Raises:
            Malformed: it is not a text blob (code ``word``).
        """
        data = text_of(self.content())
        if data is None:
            raise _malformed(word)
        return data.decode("ascii", "replace")

    def put(self, part: str, name: str, text: str | None) -> None:
        """Set an entry of a part of ``image``; None for the empty blob."""
        blob = EMPTY if text is None else text_blob(text)
        self.core.put(("image", part, name), self.copy.workspace.put(blob))

    def remove(self, part: str, name: str) -> None:
        """Remove an entry of a part of ``image``."""
        self.core.delete(("image", part, name))


def apply(kernel: Kernel) -> None:
    """Check a kernel message, and change the working core and outbox.

    Raises:
        Refusal: a condition is violated.
    """
    _, verb, event = (*kernel.letter.mt.split(".", 2), "")[:3]
    if event:
        _EVENTS[verb](kernel, event)
    else:
        _KERNEL[verb](kernel)


def _grant(kernel: Kernel) -> None:
    """Add a capability.

    Spec: :rule:`image.kernel.grant`.
    """
    capability = _capability(kernel)
    if not kernel.is_outside:
        granter = kernel.copy.position(kernel.letter.sender)
        held = {} if granter is None else kernel.copy.facts(granter).part("caps")
        if not covered(held, capability):
            raise refusal("rejected/escalation", "the sender does not hold it", "kernel.grant", got=capability)
    kernel.put("caps", capability, kernel.letter.sender.hex())


def _revoke(kernel: Kernel) -> None:
    capability = _capability(kernel)
    facts = kernel.facts
    target = facts.part("caps").get(capability)
    granter = None if target is None else facts.data(target)
    if not _is_by_owner(kernel) and granter != kernel.letter.sender.hex().encode():
        raise _not_allowed("the sender may not revoke it")
    if target is None:
        raise refusal("missing/capability", "there is no such capability", "kernel.exact", got=capability)
    kernel.remove("caps", capability)


def _capability(kernel: Kernel) -> str:
    text = kernel.text("capability")
    if not is_capability(text):
        raise _malformed("capability")
    return text


def _entry(kernel: Kernel) -> None:
    mt, mark, value = kernel.text("entry").partition("\n")
    if (
        not mark
        or not is_plain_type(mt)
        or mt in _NO_NAMES
        or (value != "-" and read_entry(value.encode("ascii", "replace")) is None)
    ):
        raise _malformed("entry")
    if not _is_by_owner(kernel):
        raise _not_allowed("only the owner changes the entry table")
    if value == "-":
        kernel.remove("entry", mt)
    else:
        kernel.put("entry", mt, value)


def _quota(kernel: Kernel) -> None:
    text = kernel.text("quota")
    if read_quota(text.encode("ascii", "replace")) is None:
        raise _malformed("quota")
    if not kernel.is_outside or kernel.facts.owner is not None:
        raise _not_allowed("only the agent changes the quota of a principal")
    kernel.core.put(("image", "quota"), kernel.copy.workspace.put(text_blob(text)))


def _install(kernel: Kernel) -> None:
    """Merge code.

    Spec: :rule:`image.location.owner`.
    """
    content = kernel.content()
    if type(content) is not Tree:
        raise _malformed("install")
    copy, sender = kernel.copy, kernel.letter.sender
    if not content.entries.keys() <= _INSTALLED:
        raise refusal("rejected/location", "only code is installed", "location.owner")
    if not kernel.is_outside and copy.owner(sender) != (kernel.facts.owner or kernel.letter.target):
        raise refusal("rejected/location", "the sender has another owner", "location.owner", got=sender.hex())
    workspace = copy.workspace
    merged = merge(workspace, kernel.core.store(), kernel.letter.message.content)
    tree = workspace.tree(merged)
    assert tree is not None, "a merge is a tree"
    check_core(workspace, tree.entries, copy.base.guests)
    kernel.core = WorkingCore(workspace, merged, tree.entries)


def _timer(kernel: Kernel) -> None:
    delay, _, mt = kernel.text("timer").partition(" ")
    number = read_number(delay.encode("ascii", "replace"))
    if number is None or not is_plain_type(mt) or kernel.clock + number > MOST_NUMBER:
        raise _malformed("timer")
    _check_own(kernel)
    kernel.put("timers", kernel.letter.message_id.hex(), f"{kernel.clock + number} {kernel.seq} {kernel.index} {mt}")


def _cancel(kernel: Kernel) -> None:
    handle = kernel.text("cancel")
    if read_id(handle.encode("ascii", "replace")) is None:
        raise _malformed("cancel")
    _check_own(kernel)
    if handle not in kernel.facts.part("timers"):
        raise refusal("missing/timer", "there is no such timer", "timer.cancel", got=handle)
    kernel.remove("timers", handle)


def _destroy(kernel: Kernel) -> None:
    """Remove the head of the receiver after the step.

    Spec: :rule:`image.gone.quiet`.
    """
    if not is_empty(kernel.content()):
        raise _malformed("destroy")
    actor = kernel.letter.target
    if not kernel.copy.is_quiet(actor, kernel.last) or kernel.owns(actor):
        raise refusal("rejected/busy", "the actor is not quiet", "gone.quiet", got=actor.hex())
    kernel.is_destroyed = True


def _revert(kernel: Kernel) -> None:
    content = kernel.content()
    workspace = kernel.copy.workspace
    core_id = content.entries.get("core") if type(content) is Tree and len(content.entries) == 1 else None
    tree = None if core_id is None else workspace.tree(core_id)
    if core_id is None or tree is None:
        raise _malformed("revert")
    if not kernel.is_outside:
        raise _not_allowed("only the agent reverts")
    before = kernel.facts
    image = None if "image" not in tree.entries else workspace.tree(tree.entries["image"])
    if image is None or image.entries.get("owner") != before.image["owner"]:
        raise refusal("rejected/escalation", "the core has another owner", "kernel.exact")
    core = WorkingCore(workspace, core_id, tree.entries)
    timers = before.image.get("timers")
    if timers is None:
        core.delete(("image", "timers"))
    else:
        core.put(("image", "timers"), timers)
    found = workspace.tree(core.store())
    assert found is not None, "a core is a tree"
    check_core(workspace, found.entries, kernel.copy.base.guests)
    kernel.core = core


def _subscribe(kernel: Kernel, event: str) -> None:
    if not is_empty(kernel.content()):
        raise _malformed("subscribe")
    kernel.put("subs", f"{event}.{kernel.letter.sender.hex()}", None)


def _unsubscribe(kernel: Kernel, event: str) -> None:
    if not is_empty(kernel.content()):
        raise _malformed("unsubscribe")
    name = f"{event}.{kernel.letter.sender.hex()}"
    if name not in kernel.facts.part("subs"):
        raise refusal("missing/subscription", "there is no such subscription", "kernel.exact", got=name)
    kernel.remove("subs", name)


def _emit(kernel: Kernel, event: str) -> None:
    """Send an event to each subscriber, ascending.

    Spec: :rule:`image.event.inside`, :rule:`image.event.order`.
    """
    _check_own(kernel)
    prefix = f"{event}."
    for name in sorted(kernel.facts.part("subs")):
        if not name.startswith(prefix):
            continue
        subscriber = bytes.fromhex(name[len(prefix) :])
        if subscriber == kernel.copy.base.agent or kernel.copy.has_head(subscriber):
            kernel.sender.emit(event, subscriber, kernel.letter.message.content)


_KERNEL: Mapping[str, Callable[[Kernel], None]] = MappingProxyType(
    {
        "grant": _grant,
        "revoke": _revoke,
        "entry": _entry,
        "quota": _quota,
        "install": _install,
        "timer": _timer,
        "cancel": _cancel,
        "destroy": _destroy,
        "revert": _revert,
    }
)
_EVENTS: Mapping[str, Callable[[Kernel, str], None]] = MappingProxyType(
    {"subscribe": _subscribe, "unsubscribe": _unsubscribe, "emit": _emit}
)


def _is_by_owner(kernel: Kernel) -> bool:
    """Return whether the agent or the owner of the receiver sent the message."""
    return kernel.is_outside or kernel.letter.sender == (kernel.facts.owner or kernel.letter.target)


def _check_own(kernel: Kernel) -> None:
    if kernel.letter.sender != kernel.letter.target:
        raise _not_allowed("only the actor itself may send it")


def _not_allowed(what: str) -> Refusal:
    return refusal("rejected/capability", what, "kernel.owner")


def _malformed(word: str) -> Refusal:
    return refusal(f"malformed/{word}", "the content does not parse", "kernel.exact")
