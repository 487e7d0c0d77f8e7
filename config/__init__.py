"""What may be configured, and whether it is right: schema, files, rules. No routing, no AMQP, no sockets."""
