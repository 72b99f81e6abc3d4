"""What HTTP faces share: who is let in, what was asked, how it is refused."""
