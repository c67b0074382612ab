"""How the project's Vosk models are made, without Kaldi: synthetic speech and real recordings in, model folders out.

Needs an environment of its own (``requirements/training.lock``, ``scripts/training.sh``). Modules that import ``torch``,
``kaldi_native_fbank``, ``ai_edge_litert`` or ``vosk`` do so inside functions or stand apart, so that the pure parts
(``phones``, ``spoken``, ``text``, ``lexicon``, ``lm``, ``fst``, ``graph``, ``accent``, ``align``, ``nnet3``) work with numpy alone.
"""
