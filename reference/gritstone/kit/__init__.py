"""The kit: libraries for people who use the reference from Python. No profile depends on the kit.

- ``actors``: write the code of an actor as decorated handlers.
- ``executions``: run an untrusted module one message at a time, without a runtime.

The kit turns on the parts of ``gritstone.optional`` that are only faster.
"""

from gritstone.optional import turn_on

__all__: list[str] = []

turn_on()
