"""The command line.

main.py       composes the commands; turns errors into messages and exit codes
reference.py  writes docs/cli.md from the commands' own help
commands/     one file for each command: it parses, calls and prints
support/      what several commands share: connecting, choosing indexes, filters, watching sessions
output/       text for people, JSON for programs, pictures
"""

import gc

# A command is over soon. To look again and again for cycles in what its imports have made takes a twentieth
# of the time of a search, and frees nothing.
gc.set_threshold(50_000)
