"""The side effects that workflows ask for: thin, idempotent, a few calls into the ledger, a channel or the engine."""
