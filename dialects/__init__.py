"""How people of each region speak and write, as data and as pure functions on text."""
