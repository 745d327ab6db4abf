"""Profile ``wit``: the transition function of an actor, and everything that can be said of it without a scheduler.

``channels`` and ``proposals`` say what may be read, ``transition`` runs code on it, ``admission`` judges what comes
out, ``update`` and ``frozen`` say what may replace a core, ``queries``, ``wut`` and ``openapi`` what can be asked.
``code`` is the interface of all code, ``laws`` the list in which every kind of code registers, ``puppet`` the one
test actor. Nothing here does any I/O.
"""

from __future__ import annotations

from gritstone.wit.code import Ask, Await, Code, Question, Run, Sleep
from gritstone.wit.failures import FAILURES, failure, failure_class
from gritstone.wit.laws import External, Law, Laws
from gritstone.wit.objects import Objects
from gritstone.wit.openapi import openapi
from gritstone.wit.proposals import MessageKind, Proposal, message_kind, read_proposal
from gritstone.wit.puppet import PUPPETS
from gritstone.wit.transition import Executor

__all__ = [
    "FAILURES",
    "PUPPETS",
    "Ask",
    "Await",
    "Code",
    "Executor",
    "External",
    "Law",
    "Laws",
    "MessageKind",
    "Objects",
    "Proposal",
    "Question",
    "Run",
    "Sleep",
    "failure",
    "failure_class",
    "message_kind",
    "openapi",
    "read_proposal",
]
