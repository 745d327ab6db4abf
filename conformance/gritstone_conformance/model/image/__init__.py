"""Images: operations of many actors that commit as a whole, their journal, and the two checks of histories.

Spec: ``image``.
"""
