"""How a run goes: from the plan, over cases run on a live subject, to outcomes, verdicts and the exit code."""
