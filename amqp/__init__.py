"""AMQP 1.0: types, codec, messages, SASL as pure code, and the native engine. No routing here."""
