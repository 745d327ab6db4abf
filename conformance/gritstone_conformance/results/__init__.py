"""The results of a run: outcomes, judgements, expectations, reports, and excerpts of values for people."""
