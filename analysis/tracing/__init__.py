"""Recording one forward pass, and reading layers, sums and blocks off the record. `analysis.graph` is the way in."""
