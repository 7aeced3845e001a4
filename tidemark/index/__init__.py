"""Entries of a file system <-> an index in a repository. The format is docs/index-format.md.

    query     finds, lists, compares, sums up and verifies
    build     crawls, sorts and writes; publishes the manifest last; resumes after a crash
    files     one module for each kind of file: parts, directories, trigrams, changes, errors, ...
    rows      Arrow rows: sorted, merged, compared, summed
    reading   from a condition to the rows that match, with few and small reads
    storage   objects of a repository, the list of its indexes, verified reads
    format    schema, entries, escaped names, manifest

Imports go downwards in this list; `query` and `build` do not import each other.
"""
