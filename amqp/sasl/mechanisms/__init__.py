"""SASL mechanisms, one module each: pure steps from a response to the next move.

Belongs here: what a mechanism's octets mean. Does not: frames; the cryptography of SCRAM and GSSAPI (Cyrus).
"""
