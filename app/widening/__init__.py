"""Parts of the Widths tab: the budget, the configuration as text and table, and making a network."""
