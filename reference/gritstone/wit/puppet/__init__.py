"""The puppet: the test actor, which performs the operations in the messages that it reads.

``program`` reads programs, ``core`` has the working core, ``act`` runs the operations, ``illegal`` alters results, and
``puppet`` combines them as ``Code``.
"""

from __future__ import annotations

from gritstone.wit.puppet.puppet import PUPPETS, Puppet

__all__ = ["PUPPETS", "Puppet"]
