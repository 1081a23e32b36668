"""Read real files into events or counts, and find what is wrong with them."""
