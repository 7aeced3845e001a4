"""Whether the changes of an index look like damage, judged by the file system's own history.

Pure arithmetic over counts: an index's changes are counted by directory (`facts.py`), compared with those of
earlier indexes (`history.py`), and judged by rules (`rules.py`, `judge.py`). docs/damage.md is its page for
users; docs/decisions/0030-the-damage-alarm.md gives the reasons.
"""
