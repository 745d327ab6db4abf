"""The puppet: the one test actor, which does what the messages it reads tell it.

``program`` reads programs, ``core`` holds a working core, ``act`` runs the operations, ``illegal`` alters results, and
``puppet`` puts them together as ``Code``.
"""

from __future__ import annotations

from gritstone.wit.puppet.puppet import PUPPETS, Puppet

__all__ = ["PUPPETS", "Puppet"]
