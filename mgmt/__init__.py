"""Seeing and changing a network: the router's management agent, its clients, sites and their platforms.

Programs and their options belong to `skrouter.cli`; what a router does to a message belongs to
`skrouter.router`.
"""
