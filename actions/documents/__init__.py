"""Papers made from what the store holds, ready to print and sign."""
