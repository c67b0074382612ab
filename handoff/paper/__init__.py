"""How a paper is set: the Chinese face, its embedding, lines that fit, pages to draw on."""
