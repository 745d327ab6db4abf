"""Cases of the suite as pytest items, and the state of the run that they are part of."""
