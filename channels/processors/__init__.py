"""Payment processors: what their callbacks say, and what they are asked for."""
