"""Entries of a file system <-> an index in a repository.

    build.build_index               crawl, sort, write; the manifest last
    checkpoint.load_checkpoint      where an earlier worker of the same index got to
    catalogue.list_indexes          the complete indexes of a repository or of one file system
    catalogue.open_index            the manifest of one index
    catalogue.newest_index          the manifest of a file system's newest index
    search.search, search.count     names that match, with filters.Filters, from one index
    history.search_all              the same from all indexes, with the first and the last that hold it
    history.history                 the versions of one path
    diff.diff                       what is different between two indexes; renames.with_renames
    usage                           sums of directories, by extension, owner and age; the largest
    verify.verify                   what is wrong with an index
    browse.list_directory           one directory, from one index
    store.FileStore                 a repository under file:///; s3:// is tidemark.aws.s3_store

The format is docs/index-format.md.
"""
