"""The files of an index. One module for each kind writes and reads it."""
