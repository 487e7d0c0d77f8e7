"""One module for each entity type: how its facts become a row, and what may be done to it.

Belongs here: names, order and wire types of attributes, name and identity rules, checks of one type's values.
Does not: finding the operation of a request, or encoding the answer (`agent.py`, `core.py`, `general.py`).
"""
