"""Fuzzing: what reads octets from outside gets octets that libFuzzer makes up, and must neither crash nor hang nor grow.

Targets/ holds what is called, and what must hold, for each kind of input; corpus/ inputs to begin with.
"""
