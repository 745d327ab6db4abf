"""The commands of ``gritstone``: one module for each, with a function ``run_command``."""
