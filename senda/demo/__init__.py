"""The main job on a portfolio that nobody has to bring: 300 invented accounts, 120 days, a few minutes."""
