"""What every part of the local cloud uses: the clock, errors, processes, faults, calls."""
