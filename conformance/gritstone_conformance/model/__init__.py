"""The oracle: a second, independent implementation of the specification, plain rather than fast.

Properties compare an implementation with this package. Nothing here was derived from the reference. Each module
answers one question without I/O, for example: ``values`` (what is an object), ``grammar`` (which texts are allowed),
``check`` (which values have an encoding), ``framed`` and ``cbor`` (which bytes encode them), ``formats`` (the two
formats as data), ``graph`` (what does an object reach), ``store`` (what must a store reply), ``bundle`` (which bytes
are an export), ``transcode``, ``history`` (is a stored history legal).

Invariants: a model function terminates in time linear in its input (times a logarithm where it sorts), never
recurses, and refuses with *every* class that the text permits, never with one that it does not.
"""

from __future__ import annotations
