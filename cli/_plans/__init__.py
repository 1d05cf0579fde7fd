"""What commands are going to cost, told before they start."""
