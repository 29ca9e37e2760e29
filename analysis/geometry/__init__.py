"""Other geometry for a trained network: where it can be switched, how kernels are applied in it, and what follows."""
