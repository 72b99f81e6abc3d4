"""One plugin for each way to get it wrong, and a good one among them."""

NOTHING = None


class Prickly:
    """Can't even be looked at."""

    def __dir__(self):
        raise RuntimeError("don't touch me")


PRICKLY = Prickly()
