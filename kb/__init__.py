"""Knowledge base: reviewed articles that answer questions of law with their source, and their search."""
