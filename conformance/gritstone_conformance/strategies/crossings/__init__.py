"""Crossings: tables of the states of an operation, and rows in which each pair of states occurs."""
