"""Drawing the architecture of a network as a graph."""
