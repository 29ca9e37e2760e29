"""Studies behind figures of the README: each writes runs that the window opens, and the figures."""
