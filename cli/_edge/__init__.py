"""The edge of the program: options and their help, the terminal, sweep files."""

__all__: list[str] = []
