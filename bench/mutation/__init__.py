"""Mutation testing: change the product in small ways and count the changes that no test notices.

`python -m bench.mutation`. The operators are in operators.py, the files that are changed and the tests that
judge them in targets.py, changes that no test can notice in equivalents.toml.
"""
