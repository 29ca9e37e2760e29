"""Parts of the Configurations tab: one page for each side of a run of dynamic configurations."""
