"""Between the graph and the upstreams: what is asked, how often, and what is kept."""
