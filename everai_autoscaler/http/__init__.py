"""What HTTP faces share: access checks, limits, reading a request, and answers in JSON. No app is known here."""
