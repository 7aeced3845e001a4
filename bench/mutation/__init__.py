"""Mutation testing: change the product in small ways and count the changes that no test notices.

`make mutation`, or `python -m bench.mutation --help`. The operators are in operators.py, the files that are
changed and the tests that judge them in targets.py, changes that no test can notice in equivalents.toml.

A mutator of our own, because three on PyPI do not fit (2026-11): mutmut 3.8 mutates no function that has a
decorator, as every handler of `lambdas/` has; mutatest 2.0 and cosmic-ray 8.7 start the tests anew for each
mutant. None of them drops a statement or exchanges two, and the order of writes is what the overlap rule is
about.
"""
