"""What happens when the bot must not or cannot answer: the queue, the people behind it, and their work."""
