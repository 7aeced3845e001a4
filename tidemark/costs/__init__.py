"""Estimates of costs and durations from prices and measurements. Pure arithmetic, without AWS clients."""
