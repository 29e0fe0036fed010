"""How a message leaves and what comes back: one adapter a provider, and the texts."""
