"""Comparisons of several implementations, and of one implementation in several environments.

A comparison finds differences between replies, reports which of them no rule forbids, and checks whether one
implementation can resume where another one stopped. Verdicts come only from the rules, by the judge of each run.
"""

from __future__ import annotations
