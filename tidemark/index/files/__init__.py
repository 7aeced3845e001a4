"""The files of an index: one module for each, which writes and reads it."""
