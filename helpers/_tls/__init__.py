"""What speaks TLS to clients: listeners, and the certificates that they show."""
