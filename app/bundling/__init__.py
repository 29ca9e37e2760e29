"""Pages of the view of conflicting bundles: each shows one side of the same run."""
