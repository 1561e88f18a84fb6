"""What the product needs from the outside world: one module per capability, one Protocol per need."""
