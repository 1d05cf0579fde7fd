"""The edge of the program: options and their help, the terminal, sweep files."""
