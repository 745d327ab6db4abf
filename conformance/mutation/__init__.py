"""Automatic mutation of the implementations, by existing tools; see ``__main__``."""
