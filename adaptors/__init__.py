"""Other protocols to and from addresses; one package each. No routing decisions here."""
