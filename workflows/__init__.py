"""The durable shell around the pure core: a journey's workflow, the bulk intake, and the messages they speak."""
