"""Profile ``wit``: the transition function of an actor, and everything that is specified without a scheduler.

``channels`` and ``proposals`` define what may be read, ``transition`` runs code on it, ``admission`` checks the result,
``update`` and ``frozen`` define what may replace a core, and ``queries``, ``wut`` and ``openapi`` answer queries.
``code`` is the interface of all code, ``laws`` is the list in which every kind of code is registered, and ``puppet`` is
the test actor. This package does no I/O.
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
