"""How fast Easel is, against what. Imported by nothing."""
