"""From a file of receivables, described by a mapping, to accounts in the ledger."""
