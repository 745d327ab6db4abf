"""Golden vectors: their files, their lint, and the edits between a reject case and its twin."""
