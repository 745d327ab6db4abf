"""The host of sessions: which sessions of a runtime are live, the notices about them, and their check of histories.

Spec: ``session/residency``, ``session/archive``, ``session/notices``, ``session/restore``.
"""
