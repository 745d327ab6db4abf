"""Code of the host: the two puppets, which are run here, and all other code, which is not.

Spec: ``wit/nodes``, ``wit/puppet``.
"""

from __future__ import annotations

import re
from typing import Final

from gritstone_conformance.model.cores import split_path
from gritstone_conformance.model.illegal import spoil
from gritstone_conformance.model.law import Foreign, Law
from gritstone_conformance.model.proposals import Proposal
from gritstone_conformance.model.puppet import Context, Draft, run_puppet
from gritstone_conformance.model.puppet_answers import answer_puppet
from gritstone_conformance.model.shelf import Shelf

__all__ = ["OTHER", "PUPPET", "STAMP"]

_EXTERNAL: Final = re.compile(rb"external:([a-z0-9][a-z0-9._/-]*)")
_SOURCE: Final = re.compile(rb"/([^:]+):[A-Za-z0-9_.]+:[A-Za-z0-9_.]+")


class _Puppet(Law):
    """One of the puppets, which every claimer of ``external`` has."""

    def __init__(self, name: str, *, stamps: bool) -> None:
        self._data = f"external:{name}".encode()
        self._stamps = stamps

    def has(self, data: bytes, format_name: str) -> bool:
        """Return whether the data is its name."""
        return data == self._data

    def step(self, shelf: Shelf, context: Context, proposal: Proposal, last: bytes | None) -> Draft | bytes:
        """Return what the puppet gives."""
        first_core = shelf.message(proposal.covered[0][1]).content if last is None else None
        work = run_puppet(shelf, context, proposal, last, first_core, stamps=self._stamps)
        previous = None if proposal.kind == "cleanup" else last
        return spoil(work, Draft(previous, context.actor, work.inbox, work.outbox, work.core.seal()))

    def query(self, shelf: Shelf, step: bytes, name: str, args: bytes) -> bytes | None:
        """Return what the puppet answers."""
        return answer_puppet(shelf, step, name, args)


class _Other(Law):
    """Code that is registered under another name, or that lies in the core in the language of the implementation."""

    def has(self, data: bytes, format_name: str) -> bool:
        """Return whether the data names code that an implementation may have."""
        external = _EXTERNAL.fullmatch(data)
        if external:
            return external[1].split(b"/")[0] != b"absent"
        inside = _SOURCE.fullmatch(data)
        return inside is not None and split_path(inside[1], format_name) is not None

    def step(self, shelf: Shelf, context: Context, proposal: Proposal, last: bytes | None) -> Draft | bytes:
        """Raise Foreign."""
        raise Foreign

    def query(self, shelf: Shelf, step: bytes, name: str, args: bytes) -> bytes | None:
        """Raise Foreign."""
        raise Foreign


PUPPET: Final = _Puppet("puppet/1", stamps=False)
STAMP: Final = _Puppet("puppet-stamp/1", stamps=True)
OTHER: Final = _Other()
