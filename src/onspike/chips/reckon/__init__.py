"""ReckOn, bit for bit."""
