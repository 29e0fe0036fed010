"""Who owes what: creditors, people, accounts, dues, append-only postings, payments, contacts, journeys' projection.

Each write takes the lock of the person it concerns, so that a permit to contact and a payment never pass each other.
"""
