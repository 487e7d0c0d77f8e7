"""Bundles: a site with the programs that run it, in one file for a machine without either.

Belongs here: wheels of what is installed, the archive, its installer. Does not: what a site is, commands.
"""
