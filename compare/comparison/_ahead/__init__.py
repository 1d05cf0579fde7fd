"""What a comparison does besides its noise levels, and how long that will take."""
