"""A readable Python file that rebuilds an edited network without LayerScope."""
