"""The public JSON: request bodies, responses, durations, enumerations, error shapes."""
