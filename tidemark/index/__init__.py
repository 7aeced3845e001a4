"""Entries of a file system <-> an index in a repository. The format is docs/index-format.md.

    query     search, list, compare, sum and verify
    build     crawl, sort and write; publish the manifest last; resume after a crash
    files     one module for each kind of file: parts, directories, trigrams, changes, errors, ...
    rows      sort, merge, compare and sum Arrow rows
    reading   find the rows that match a condition with few and small reads
    storage   objects of a repository, the list of its indexes, verified reads
    format    schema, entries, escaped names, manifest

Imports go downwards in this list; `query` and `build` do not import each other.
"""
