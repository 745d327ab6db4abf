"""The oracle: a second, independent reading of the spec's text, plain rather than fast.

Every property holds the subject against this package, and nothing here was derived from the reference. Each module
answers one question, purely: ``values`` (what is an object), ``grammar`` (which texts are allowed), ``framed`` and
``cbor`` (which bytes spell it), ``formats`` (the two formats as data), ``graph`` (what does it reach), ``store`` (what
must a store answer), ``bundle`` (which bytes are an export), ``transcode``, ``audit``.

Invariants: a model function terminates in time linear in its input (times a logarithm where it sorts), never
recurses, and refuses with *every* class that the text permits, never with one that it does not.
"""

from __future__ import annotations
