"""From frames to utterances: jitter, µ-law, resampling, voice activity, endpointing, machine detection."""
