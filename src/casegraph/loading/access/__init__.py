"""Ways to get the rows of a link, their costs, and what carries out the cheapest."""
