"""What happens next to one account: pure state, events, `apply` and `plan`, and playbooks as data.

Nothing here does I/O, reads a clock or knows the engine: the same code runs in the workflow, beside the ledger and
in replay.
"""
