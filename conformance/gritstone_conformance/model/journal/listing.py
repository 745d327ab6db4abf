"""What ``image.list`` shows of an actor.

Spec: ``image/requests``, "Listing actors".
"""

from __future__ import annotations

from gritstone_conformance.model.image.contents import text_of
from gritstone_conformance.model.image.validity import read_timer
from gritstone_conformance.model.image.views import View, image_entries
from gritstone_conformance.replies import Json

__all__ = ["shown"]


def shown(view: View, actor: bytes, *, is_whole: bool) -> dict[str, Json]:
    """Return the members of an actor with a head; only its id if it has another owner than the one who asks."""
    if not is_whole:
        return {"actor": actor.hex()}
    shelf, core, owner = view.shelf, view.core(actor), view.owner(actor)
    assert core is not None, "only actors with a head are listed"
    assert owner is not None, "the core is valid"
    code = shelf.names(core).get("code")
    names = sorted(shelf.names(code)) if code is not None and shelf.is_tree(code) else []
    subs = [name.rpartition(".") for name in _ascending(view, core, "subs")]
    return {
        "actor": actor.hex(),
        "owner": owner.hex(),
        "core": core.hex(),
        "caps": [[name, _text(view, core, "caps", name)] for name in _ascending(view, core, "caps")],
        "entry": [[name, _text(view, core, "entry", name)] for name in _ascending(view, core, "entry")],
        "code": names,
        "timers": [timer for handle in _ascending(view, core, "timers") for timer in _timer(view, core, handle)],
        "subs": [[event, subscriber] for event, _, subscriber in subs],
    }


def _ascending(view: View, core: bytes, tree: str) -> list[str]:
    return sorted(image_entries(view.shelf, core, tree))


def _text(view: View, core: bytes, tree: str, name: str) -> str:
    return (text_of(view.shelf, image_entries(view.shelf, core, tree)[name]) or b"").decode("latin-1")


def _timer(view: View, core: bytes, handle: str) -> list[Json]:
    """Return what is shown of a timer: nothing if its text was erased."""
    parts = read_timer(text_of(view.shelf, image_entries(view.shelf, core, "timers")[handle]))
    if parts is None:
        return []
    due, seq, index, mt = parts
    return [{"handle": handle, "due": str(due), "seq": seq, "index": index, "mt": mt}]
