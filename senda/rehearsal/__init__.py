"""A portfolio whose payment dates are known, run through real journeys under a test clock."""
