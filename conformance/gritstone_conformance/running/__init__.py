"""A run: sends the cases of a plan to a subject, and produces outcomes, verdicts and the exit code."""
