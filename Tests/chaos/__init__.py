"""Chaos: many pods on one site while everything in it fails at random, judged by the simulators' own records.

    PYTHONPATH=Tests python3 -m chaos --minutes 30 [--seed N] [--kubernetes real]
"""
