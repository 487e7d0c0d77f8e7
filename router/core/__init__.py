"""What to do with connections, links and addresses: pure. Deliveries and sockets do not belong here."""
