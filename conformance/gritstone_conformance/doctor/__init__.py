"""The rungs of ``gritstone doctor``, from "does it start" to "does it restart"."""
