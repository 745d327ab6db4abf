"""Space-time diagrams of histories and of counterexamples."""
