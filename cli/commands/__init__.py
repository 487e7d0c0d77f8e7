"""The commands of `skupper`: one module for each noun, imported when it is asked for.

Belongs here: arguments, texts and exit codes. Does not: what a site is (`skrouter.mgmt.sites`), files of a
platform (`skrouter.mgmt.platforms`).
"""
