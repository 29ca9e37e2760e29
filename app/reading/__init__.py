"""What is read from networks and results for showing: values per layer, words for numbers. No widgets."""
