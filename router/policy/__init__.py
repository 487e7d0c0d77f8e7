"""Policy: who may connect under a host name, and what they may do then (spec: router-config.md §9). Pure.

Belongs here: rules of vhosts, decisions with their log lines, counters. Does not: sockets, deliveries, and
links as the core sees them; `router/net/policing.py` asks here and carries out.
"""
