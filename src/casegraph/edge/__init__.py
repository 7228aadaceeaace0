"""HTTP in and out; knows GraphQL over HTTP, nothing of cases."""
