"""The window of LayerScope: looks at results, never computes them. Free of torch."""
