"""From text to speech: the spoken form, the voices, their worker processes and the cache."""
