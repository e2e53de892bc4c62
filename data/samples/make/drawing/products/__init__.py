"""One module per category; each lists its designs."""
