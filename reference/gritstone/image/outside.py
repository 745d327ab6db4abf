"""The outside: the checks of messages that a client lets the agent send.

Spec: :ref:`image-outside`, :rule:`image.outside.refused`.
"""

from __future__ import annotations

from collections.abc import Mapping

from gritstone.grit.objects import ObjectId
from gritstone.image.cores import check_first_core
from gritstone.image.private_copy import PrivateCopy
from gritstone.image.refusals import refusal
from gritstone.image.texts import is_kernel_type, is_plain_type

__all__ = ["OutsideChecks"]

_RUNTIME_HEADERS = frozenset({"op", "timer", "fuel", "key", "world"})


class OutsideChecks:
    """The checks of the messages of one request, in their order."""

    def __init__(self, copy: PrivateCopy) -> None:
        """Begin a request.

        Args:
            copy: a private copy in which nothing has happened.
        """
        self._copy = copy
        self._born: dict[ObjectId, bool] = {}

    def check(self, to: ObjectId, headers: Mapping[str, str], content: ObjectId, *, is_post: bool = False) -> None:
        """Check a message.

        Args:
            to: the receiver.
            headers: the headers.
            content: the content.
            is_post: whether the message is a post and not a root.

        Raises:
            Refusal: a condition holds; see the table of the specification.
        """
        copy, mt = self._copy, headers.get("mt", "")
        is_genesis = mt == "genesis"
        if not (is_genesis or is_plain_type(mt) or is_kernel_type(mt)) or is_genesis is not (content == to):
            raise refusal("malformed/mt", "the type of a message is not allowed", "outside.refused", got=ascii(mt))
        if not _RUNTIME_HEADERS.isdisjoint(headers) or (is_post and not is_plain_type(mt)):
            raise refusal("malformed/mode", "a header that the runtime sets", "outside.refused", got=sorted(headers))
        self._check_receiver(to, is_genesis=is_genesis, is_post=is_post)
        if is_genesis and not copy.has_head(to) and to not in self._born:
            tree = copy.core_tree(to)
            assert tree is not None, "the receiver is a tree"
            check_first_core(
                copy.workspace,
                tree.entries,
                lambda one: self._born.get(one) or copy.is_principal(one),
                copy.base.guests,
            )
            self._born[to] = "quota" in (copy.workspace.tree(tree.entries["image"]) or tree).entries

    def _check_receiver(self, to: ObjectId, *, is_genesis: bool, is_post: bool) -> None:
        copy, base = self._copy, self._copy.base
        is_runtime = to in (base.agent, base.kernel)
        if not is_runtime and not copy.has_head(to):
            if copy.is_gone(to):
                raise refusal("rejected/gone", "the receiver was destroyed", "outside.refused", got=to.hex())
            if not is_genesis and to not in self._born:
                raise refusal("missing/actor", "the receiver has no head", "outside.refused", got=to.hex())
        if is_runtime:
            raise refusal("rejected/location", "the agent and the kernel are not sent messages", "outside.refused")
        if not is_post and copy.mail.is_unread(base.agent, to):
            raise refusal("rejected/order", "a message to the receiver is unread", "outside.refused", got=to.hex())
