"""What the parts that act share: clock, ids, tasks, HTTP client with the address guard, resolver, logging."""
