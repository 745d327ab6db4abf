"""How a run goes: from the plan, over cases played on a live subject, to outcomes, verdicts and the exit code."""
