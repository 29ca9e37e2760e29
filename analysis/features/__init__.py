"""Statistics of features that grow while pictures stream by."""
