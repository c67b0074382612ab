"""A stand-in carrier for the demo, the tests and the bench: its own process, the true protocol."""
