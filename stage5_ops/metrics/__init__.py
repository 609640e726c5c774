"""What the roles tell Prometheus (NF-04): figures beside the roles, which know nothing of them."""
