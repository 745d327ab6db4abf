"""Check the formal model of ``spec/formal`` with TLC, the model checker of TLA+.

The modules, from the bottom: values that TLC prints, the tables next to the model, the rules that they cite, TLC,
traces in words, the check.
"""
