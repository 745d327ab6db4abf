"""Cases of the suite as pytest items, and the state of their run."""
