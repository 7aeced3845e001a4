"""Entries of a file system <-> an index in a repository.

    build.build_index               crawl, sort, write; the manifest last
    catalogue.list_indexes          the complete indexes of a repository or of one file system
    catalogue.open_index            the manifest of one index
    catalogue.newest_index          the manifest of a file system's newest index
    search.search                   names that match, from one index
    browse.list_directory           one directory, from one index
    store.FileStore                 a repository under file:///; s3:// is tidemark.aws.s3_store

The format is docs/index-format.md.
"""
