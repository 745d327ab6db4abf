"""Comparing: implementations with each other, and one with itself.

Who is right is never found out here: the rules say, by the judge that every run has. What is found out is where answers
differ, what of that no rule forbids, and whether one goes on where another stopped.
"""

from __future__ import annotations
