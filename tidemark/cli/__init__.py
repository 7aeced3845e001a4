"""The command line.

main.py       composes the commands; turns errors into messages and exit codes
reference.py  writes docs/cli.md from the help of the commands
commands/     one file per command: it parses, calls and prints
support/      shared by several commands: connecting, choosing indexes, filters, watching sessions
output/       text for people, JSON for programs, treemaps
"""

import gc

# A command is short-lived. Repeated garbage collections of the objects that its imports create take 5% of the
# time of a search and free nothing.
gc.set_threshold(50_000)
