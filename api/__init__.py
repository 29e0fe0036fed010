"""The HTTP face: one router for each kind of user."""
