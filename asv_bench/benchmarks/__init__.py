"""Benchmarks, one file per profile, run by asv over the versions of the project, with all faster parts."""

from gritstone.optional import turn_on

turn_on()
