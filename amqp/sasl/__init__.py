"""SASL as pure state machines, run on a connection's octets before the engine sees any (AMQP 1.0 part 5).

Belongs here: headers, frames, the two sides, the mechanisms. Does not: sockets, Cyrus (amqp/cyrus.py).
"""
