"""The version of LayerScope, in the one place that packaging and results read."""

VERSION = "0.1.0"
