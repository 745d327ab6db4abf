"""The plan of a run: the selected cases, their order, and the settings."""
