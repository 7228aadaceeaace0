"""One folder per REST API; none knows another, none knows GraphQL."""
