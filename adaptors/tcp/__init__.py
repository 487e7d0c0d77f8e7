"""The TCP adaptor: listeners and connectors mapped to addresses. Other protocols do not belong here."""
