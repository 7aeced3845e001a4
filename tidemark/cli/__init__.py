"""The command line: one file per command; each parses, calls and prints.

main          composes the commands, turns errors into messages and exit codes
connection    what the commands reach: the deployment that the environment names
terminal      how anything is shown to a person or a program
steps         a session's progress, as what a person wants to know of it
workbench     a local cloud with Tidemark deployed, for `demo` and `local up`
reference     writes docs/cli.md from the commands' own help
"""

import gc

# A command is over soon. To look again and again for cycles in what its imports have made takes a twentieth
# of the time of a search, and frees nothing.
gc.set_threshold(50_000)
