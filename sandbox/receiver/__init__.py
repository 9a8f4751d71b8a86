"""A partner's side of our outbound webhooks: it verifies, keeps, and builds its own contacts from them."""
