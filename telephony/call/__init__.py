"""The call itself: what is said when, as a pure machine, and the session that runs it."""
