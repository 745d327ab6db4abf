"""Benchmarks, one file per profile, run by asv over the versions of the project."""
