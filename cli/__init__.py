"""Programs: arguments, composition, output and exit codes.

Belongs here: one module for each program, and how rows become text. Does not: what another program or a user
of the library would need as well; that is in the areas below. Only `skrouterd.py` knows router, adaptors and
agent together.
"""
