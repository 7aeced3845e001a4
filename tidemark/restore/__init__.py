"""Restores: which recovery point holds a path, what to request from AWS Backup, and where the files go.

AWS Backup never restores in place. Each restore job writes one directory, `aws-backup-restore_<datetime>`,
into the root of the target file system. It contains the requested paths with their hierarchy, ancestors
included. A worker then moves what was asked for to its place (`place`) and compares it with the index
(`compare`).
"""
