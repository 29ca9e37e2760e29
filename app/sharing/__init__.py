"""Pages of the Sharing tab: freedom against accuracy, the ring, layers, likeness, training, and sharing the network."""
