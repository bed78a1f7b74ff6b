"""How good the readings are: metrics, and the tables that show them."""
