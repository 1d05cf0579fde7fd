"""The parts of the hand-over test, and where it is made before a network is used."""

__all__: list[str] = []
