"""The columns of a compiled line: which number stands where."""

from __future__ import annotations

# Of ``numbers``.
INDEX = 0
"""Requests that came; the next one to come has this number."""
STEP = 1
"""Number of the last event of any worker."""
COMPLETIONS = 2
"""Requests that were answered."""
SERVED = 3
"""Requests that are being served: the size of the heap of answers."""
ROOM = 4
"""The size of the heap of workers that have room."""
FIRST = 5
"""The place in the queue of the request that waits longest."""
WAITING = 6
"""How many requests wait."""
REFUSED = 7
"""How many requests the queue had no place for, of those that are listed."""
LEFT = 8
"""How many workers have finished what they served and take no more requests, of those that are listed."""
ORDER = 9
"""The order of dispatch: one of the three below."""
CONCURRENCY = 10
"""Requests that a worker serves at once."""
LONGEST = 11
"""Requests that may wait; -1 for any number."""
BASE = 12
"""The request that the columns of what became of the requests begin with: those before it are settled."""
NUMBERS = 13

MOST_RECENTLY_USED, LONGEST_IDLE, OLDEST = 0, 1, 2

# Of ``whole``: rows of whole numbers, by worker.
SERVING, SUCCESSES, TOUCHED, HERE, PLACE = range(5)
"""Requests that it serves; requests that it answered; the step at which something about it last changed; 1 while it
takes requests, or will; its place in the heap of workers that have room, -1 where it has none."""
WHOLE = 5

# Of ``real``: rows of seconds, by worker.
SERVED_FOR, LAST_SERVED = range(2)
"""Seconds that its answers took, together; when it last gave one, NaN where it never did."""
REAL = 2

# Of ``seats``: rows of whole numbers. A seat is a place for one request that is being served.
HEAP, FREE, SEAT_STEP, SEAT_REQUEST = range(4)
"""The heap of answers, as seats; from place ``SERVED`` on, the free seats; and, by seat, the step at which its request
was begun, and the request."""
SEATS = 4

# Of ``room``, the heap of workers that have room: rows of whole numbers.
RANK, WORKER = range(2)

# Of ``lists``: rows of whole numbers, each as long as it is counted above.
REFUSED_REQUEST, LEFT_WORKER = range(2)
"""Requests that were refused; workers that have left. Of the latter, ``left_at`` has the moments."""

# Why ``advance`` came back.
DONE, NO_PLACE = 0, 1
"""All has happened; or the queue or a list is full, and has to be lengthened before more can happen."""
