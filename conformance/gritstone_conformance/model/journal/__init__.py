"""The journal of an image: how requests and posts add to it, what is listed from it, and its two checks of histories.

Spec: ``image/requests``, ``image/timers``, ``image/world``, ``image/history``.
"""
