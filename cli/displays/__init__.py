"""What skstat can show: for each display the entities it asks for, and the tables it makes of them. Pure.

Belongs here: headings, order and values of the reference's displays, which scripts cut columns out of. Does
not: aligning and printing (`skrouter.cli.render`), options (`skrouter.cli.skstat`).
"""
