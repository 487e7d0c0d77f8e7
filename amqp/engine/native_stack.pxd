"""Native face of the native stack trace: it has none, control alone installs it."""
