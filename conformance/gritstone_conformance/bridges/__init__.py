"""Bridges: adapters of the suite, which answer the operations of one profile through those of others."""
