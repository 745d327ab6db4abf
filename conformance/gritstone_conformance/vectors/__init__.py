"""Golden vectors: read, checked, filed, and made from failures that were found."""
