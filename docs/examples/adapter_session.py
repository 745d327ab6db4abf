"""The toy adapter with the guest of sessions: single steps and queries, without a runtime."""

import adapter
import adapter_wit

from gritstone import grit, wit
from gritstone.session import SESSIONS

MOST = {"object_bytes": 1 << 23}  # the longest prepared turn fits into an object
adapter.HELLO["features"] += ["session.guest"]
adapter.HELLO["limits"] |= {**MOST, "frame_bytes": 1 << 24}
adapter.GRIT_LIMITS = grit.Limits(**{**adapter.LIMITS, **MOST})
adapter_wit.LAWS = wit.Laws(SESSIONS, wit.External(wit.PUPPETS))

if __name__ == "__main__":
    adapter.serve()
