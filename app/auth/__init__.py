"""Who may come in and what for: keys, scopes, signed addresses, rates."""
