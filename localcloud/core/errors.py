"""Errors of the client, and errors that prevent the server from starting."""

from __future__ import annotations


class LocalCloudError(Exception):
    """The local cloud did not complete a request; the message ends with the next step."""


class ServerNotStarted(LocalCloudError):
    """The server process ended or did not respond."""


class NotDeployed(LocalCloudError):
    """A stack of the assembly could not be deployed."""


class CannotServe(LocalCloudError):
    """The server cannot use its port or its state directory."""


class ProfileNotWritten(LocalCloudError):
    """The files of the profile for AWS's clients cannot be written."""
