"""Sites of this machine: files of a namespace, a router as systemd unit or supervised process.

Belongs here: the file layout of local-system.md §1, the live router of a namespace, units. Does not:
containers.
"""
