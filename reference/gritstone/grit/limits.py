"""The limits that an implementation declares. Each is exact: the limit is accepted, one more is exhausted.

Spec: :rule:`grit.object.size-limit`, :rule:`grit.ref.limit`.
"""

from __future__ import annotations

from dataclasses import dataclass

from gritstone.errors import Exhausted

__all__ = ["DEFAULT_LIMITS", "Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one store and one codec.

    Attributes:
        object_bytes: the maximum length of one encoding.
        tree_depth: the maximum nesting of trees in export and transcoding; a tree of blobs counts 1.
        cas_names: the maximum number of names in one update of references.
        refs: the maximum number of references in one store.
    """

    object_bytes: int = 67_108_864  # bytes
    tree_depth: int = 65_536  # trees
    cas_names: int = 4_096  # names
    refs: int = 1_000_000  # references

    def check_object_bytes(self, size_bytes: int) -> None:
        """Reject an encoding that is too long.

        Raises:
            Exhausted: ``size_bytes`` is over ``object_bytes``.

        Spec: :rule:`grit.object.size-limit`.
        """
        if size_bytes > self.object_bytes:
            raise Exhausted(
                "the object is too long",
                rule="grit.object.size-limit",
                got=f"{size_bytes} bytes",
                expected=f"at most {self.object_bytes}",
            )


DEFAULT_LIMITS = Limits()
