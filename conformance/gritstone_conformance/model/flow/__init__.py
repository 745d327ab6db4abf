"""The profile ``flow``: the pure part, and the code ``external:flow/1``.

From small to large: ``limits`` (the numbers of the spec), ``values`` (values, encodings, digests), ``json_form``,
``tokens`` and ``expressions`` (text to a tree), ``evaluation``, ``templates``, ``forms`` (programs and policies),
``graph`` (ways and guards), ``checking`` (defects) and ``operations`` (what an adapter answers). Then ``objects``,
``working`` (a flow at work), ``sending``, ``leaving`` (how nodes and flows end), ``calls``, ``nodes`` (how they are
entered), ``message_forms``, ``successors`` (first cores), ``received`` (what is read and what is ignored), ``acting``,
``trace``, ``accepting`` and ``law``.
"""

from __future__ import annotations
