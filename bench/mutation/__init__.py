"""Mutation testing: make small changes to the product and count those that no test detects.

`make mutation`, or `python -m bench.mutation --help`. operators.py contains the operators, targets.py the
files to mutate and the tests that judge them, equivalents.toml the changes that no test can detect.

The project has its own mutator because three on PyPI do not fit (2026-11): mutmut 3.8 does not mutate
functions with decorators, which all handlers of `lambdas/` have; mutatest 2.0 and cosmic-ray 8.7 restart the
tests for each mutant. None of them drops or swaps statements, but the overlap rule depends on the order of
writes.
"""
