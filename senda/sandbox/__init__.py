"""A mail server that delivers nothing: it keeps what it gets, append-only, and shows it on a page."""
