"""Reference documents, man pages and shell completion, from the schema and the parsers of the programs.

Belongs here: how they are laid out. Does not: what they say, which is in `config/schema/skrouter.json` and in
the help texts of `cli`.
"""
