"""Senda against the floor of its engine: each figure beside what bare calls reach in the same run."""
